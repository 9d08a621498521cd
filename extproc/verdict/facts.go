package verdict

import "kubernetes-mcp-edge/extproc/kubeheader"

// Facts is all of a request that a verdict depends on. It is also all that the
// cache key is made of, so whatever is added here has to be added to the key.
type Facts struct {
	// Fields are the header lines whose name, lower-cased and with '_' read as
	// '-', begins with kubeheader.Prefix, in arrival order, duplicates included.
	Fields []kubeheader.Field
	// ForwardedProto holds every value of x-forwarded-proto, in arrival order.
	ForwardedProto [][]byte
}

// Plaintext is the careful reading of x-forwarded-proto: only the one value
// "https" says that TLS reached the ingress. No value, another value, several
// values and a comma-joined value all count as plain HTTP.
func (f Facts) Plaintext() bool {
	return len(f.ForwardedProto) != 1 || string(f.ForwardedProto[0]) != "https"
}
