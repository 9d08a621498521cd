package answer

import (
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Clean takes out of text everything that is not for reading.
func Clean(s string) string { return kube.Clean(s) }

// Line is clean text on one line of at most limit bytes; what is cut is marked.
func Line(s string, limit int) string {
	s = strings.Join(strings.Fields(Clean(s)), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// Within cuts text after the last line that fits.
func Within(text string, budget int) (kept string, cut bool) {
	if len(text) <= budget {
		return text, false
	}
	kept = text[:budget]
	if end := strings.LastIndexByte(kept, '\n'); end >= 0 {
		return kept[:end+1], true
	}
	return strings.ToValidUTF8(kept, "") + "\n", true
}
