package hostpolicy

import (
	"net/netip"
	"strings"
)

// Lengths of RFC 1035, in bytes.
const (
	maxName  = 253
	maxLabel = 63
)

// isName reports whether s is a DNS name in canonical form: lower-case letters,
// digits and hyphens in labels of 1 to 63 bytes, at most 253 in all, without a
// trailing dot. A last label that is all digits or begins "0x" is refused: some
// resolvers read such names as IPv4 addresses (127.1, 0177.0.0.1, 0x7f000001).
func isName(s string) bool {
	if len(s) > maxName {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
		last = label
	}
	return !strings.HasPrefix(last, "0x") && strings.Trim(last, "0123456789") != ""
}

func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Internal reports whether a canonical name means something only here: on
// this machine, on this link, in this cluster or in this cloud. A single label
// does, too, because the resolver completes it from its search list. Such names
// are allowed one by one only.
func Internal(name string) bool {
	first, rest, dotted := strings.Cut(name, ".")
	if !dotted || rest == "" {
		return true
	}
	if strings.HasPrefix(first, "metadata") || strings.HasPrefix(first, "instance-data") {
		return true
	}
	for _, zone := range [...]string{".localhost", ".local", ".internal", ".svc", ".cluster.local"} {
		if strings.HasSuffix(name, zone) {
			return true
		}
	}
	return false
}

// literal reads host as an address without a zone. IPv4-mapped spellings come
// back as IPv4.
func literal(host string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return canonical(a), true
}
