package pods

import (
	"fmt"
	"strconv"
	"strings"
)

// quantity reads a Kubernetes quantity (k8s.io/apimachinery/pkg/api/resource)
// as the API server writes those of CPU and memory. Exponents are no part of
// that, and so not read: 1e999999999 costs whoever believes it.
func quantity(text string) (value float64, ok bool) {
	const longest = 32
	if len(text) > longest {
		return 0, false
	}
	digits := strings.TrimRight(text, "numkKMGTPEi")
	factor, ok := map[string]float64{
		"": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
	}[text[len(digits):]]
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(digits, 64)
	return n * factor, err == nil
}

// millicores and mebibytes are written as kubectl top writes them.
func millicores(cores float64) string { return fmt.Sprintf("%.0fm", cores*1000) }

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0fMi", bytes/(1<<20)) }

// percent is how much of a whole a part is; "" if there is no whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*part/whole)
}
