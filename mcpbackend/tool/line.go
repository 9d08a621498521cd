package tool

import (
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// clean takes out of text everything that is not for reading.
func clean(s string) string { return kube.Clean(s) }

// line is clean text on one line of at most limit bytes; what is cut is marked.
func line(s string, limit int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
