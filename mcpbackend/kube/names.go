package kube

import "strings"

// Lengths of the Kubernetes API's names, in bytes: RFC 1123 for labels and
// subdomains; objects whose names are path segments keep to the latter too.
const (
	maxLabelLength = 63
	maxNameLength  = 253
)

// ValidNamespace reports whether s is a DNS label by RFC 1123, as the name of
// every namespace is.
func ValidNamespace(s string) bool { return validLabel(s) }

// ValidName reports whether s can be the name of an object of any kind: most
// are DNS subdomains, RBAC's hold colons, and none needs an escape in a path.
func ValidName(s string) bool { return segment(s) }

// ValidAPIVersion reports whether s reads "version" or "group/version".
func ValidAPIVersion(s string) bool {
	_, _, ok := splitAPIVersion(s)
	return ok
}

func splitAPIVersion(s string) (group, version string, ok bool) {
	version = s
	if before, after, found := strings.Cut(s, "/"); found {
		group, version = before, after
		if !validSubdomain(group) {
			return "", "", false
		}
	}
	return group, version, validLabel(version)
}

func validLabel(s string) bool {
	if s == "" || len(s) > maxLabelLength || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func validSubdomain(s string) bool {
	if len(s) > maxNameLength {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

// ValidKind reports whether s is a word: letters and digits, a letter first. A
// plural, singular or short name is one too.
func ValidKind(s string) bool {
	if s == "" || len(s) > maxLabelLength {
		return false
	}
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}
