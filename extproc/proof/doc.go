// Package proof carries a checked request from the edge to the backend: an
// HTTP message signature (RFC 9421) that says "these exact values were checked
// under the policy at this time".
//
// There is one profile and nothing to negotiate: label kube, Ed25519, the
// components x-kubernetes-fingerprint and then the kubernetes-* headers that
// are sent on, in contract order, and the parameters created, expires, keyid,
// alg and tag, in this order:
//
//	Signature-Input: kube=("x-kubernetes-fingerprint" "kubernetes-server" …);created=…;expires=…;keyid="…";alg="ed25519";tag="kubernetes-mcp-edge/1/AUDIENCE"
//	Signature: kube=:…:
//
// The signature is bound to no method, path or nonce: whoever can replay it
// already holds the credential that it covers. So the edge (Signer) may send
// one signature many times, and the backend (Verifier) remembers what it
// verified until that expires.
package proof
