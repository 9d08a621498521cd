package kubeheader

// Kind says whose rule a rejection comes from.
type Kind uint8

// The kinds of rejection.
const (
	Malformed Kind = iota + 1 // the contract's: no policy accepts it
	Forbidden                 // the policy's: another policy might accept it
	Internal                  // the product's own: the guard or its proof failed
)

// Reason is a stable rejection code; its String is the kebab-case spelling used
// in JSON-RPC error data, metrics, logs, Envoy metadata and the docs alike.
type Reason uint8
