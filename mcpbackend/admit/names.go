package admit

import (
	"strings"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// ours reports whether a header must not reach the next handler: its name,
// lower-cased and with '_' read as '-', begins with kubernetes or signature, or
// is the fingerprint's. That is more than the proof looks at: what else begins
// with signature is removed without a look.
func ours(name string) bool {
	if len(name) < len(kubeheader.Signature) {
		return false
	}
	read := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return strings.HasPrefix(read, kubeheader.Prefix) ||
		strings.HasPrefix(read, kubeheader.Signature) ||
		read == kubeheader.Fingerprint
}
