package pods

import (
	"strings"
	"text/tabwriter"
)

// aligned puts the cells of lines, parted by tabs, below each other, within a
// budget of bytes; left is how many lines did not fit.
func aligned(lines []string, budget int) (text string, left int) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 1, 2, ' ', 0)
	for _, l := range lines {
		_, _ = w.Write([]byte(l + "\n"))
	}
	_ = w.Flush()
	var out strings.Builder
	for l := range strings.Lines(b.String()) {
		if l = strings.TrimRight(l, " \n"); out.Len()+len(l)+1 > budget {
			left++
			continue
		}
		if left == 0 {
			out.WriteString(l + "\n")
		}
	}
	return out.String(), left
}
