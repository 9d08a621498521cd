package verdict

import (
	"slices"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// The kinds of credential that Allow.Credential names.
const (
	CredentialToken             = "token"
	CredentialClientCertificate = "client-certificate"
	CredentialAnonymous         = "anonymous"
)

// Allow is what has to happen to the headers of an accepted request. It depends
// on the facts alone: nothing in it belongs to one request.
type Allow struct {
	// Set are the headers to overwrite: those that normalising changed, in
	// contract order, then signature-input, signature and the fingerprint.
	Set []kubeheader.Field
	// Remove are the received names that are not sent on, each once.
	Remove []string
	// Credential is one of the Credential constants.
	Credential string
}

// describe compares what was received with what is to be sent on. A header that
// arrived once, under its own name and in canonical form is left as it is.
func describe(received []kubeheader.Field, checked kubeheader.Checked, sealed proof.Sealed) Allow {
	canonical := checked.Canonical()
	allow := Allow{
		Set:        make([]kubeheader.Field, 0, len(canonical)+3),
		Credential: credential(checked),
	}
	for _, want := range canonical {
		if !arrivedAs(received, want) {
			allow.Set = append(allow.Set, want)
		}
	}
	for _, got := range received {
		sentOn := slices.ContainsFunc(canonical, func(f kubeheader.Field) bool { return f.Name == got.Name })
		if !sentOn && !slices.Contains(allow.Remove, got.Name) {
			allow.Remove = append(allow.Remove, got.Name)
		}
	}
	for _, added := range [][2]string{
		{kubeheader.SignatureInput, sealed.SignatureInput},
		{kubeheader.Signature, sealed.Signature},
		{kubeheader.Fingerprint, sealed.Fingerprint},
	} {
		allow.Set = append(allow.Set, kubeheader.Field{Name: added[0], Value: kubeheader.NewSecret([]byte(added[1]))})
	}
	return allow
}

func arrivedAs(received []kubeheader.Field, want kubeheader.Field) bool {
	lines, same := 0, false
	for _, got := range received {
		if got.Name == want.Name {
			lines++
			same = got.Value.Equal(want.Value)
		}
	}
	return lines == 1 && same
}

func credential(checked kubeheader.Checked) string {
	target, ok := checked.Target()
	if !ok {
		return CredentialAnonymous
	}
	if _, ok := target.Auth.(kubeheader.ClientCert); ok {
		return CredentialClientCertificate
	}
	return CredentialToken
}
