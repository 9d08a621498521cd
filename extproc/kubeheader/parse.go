// Package kubeheader is the contract: which kubernetes-* headers a request may
// carry, what each may hold, and the canonical form that is sent on.
package kubeheader

import "time"

// Request is what Parse looks at.
type Request struct {
	// Fields are all header lines whose name, lower-cased and with '_' read as
	// '-', begins with Prefix, in arrival order, duplicates included. Others
	// are ignored.
	Fields []Field
	// Plaintext says that the request reached the ingress over plain HTTP.
	Plaintext bool
}

// ServerURL is a canonical API server URL.
type ServerURL struct{}

// Policy is what an operator allows.
type Policy struct{}

// Parse checks a request against the contract and the policy. The error is
// always a *Rejection and comes with the zero Checked.
func Parse(r Request, p *Policy, now time.Time) (Checked, error) { panic("seam") }
