package kubeheader

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxServer bounds kubernetes-server, in bytes.
const maxServer = 512

// ServerURL is a canonical API server URL: https, a lower-case DNS name, an
// IPv4 or an IPv6 literal, a port, and perhaps a path prefix. It is comparable;
// the zero ServerURL is no URL.
type ServerURL struct {
	text string // the canonical spelling
	host string // lower-case, no trailing dot, no brackets
	path string // "" or "/a/b"
	port uint16
}

// String is the canonical form, https://host[:port][/prefix], without the port
// 443 and without a slash at the end; "" for the zero ServerURL.
func (u ServerURL) String() string { return u.text }

// Host is the name or literal: lower-case, without trailing dot or brackets.
func (u ServerURL) Host() string { return u.host }

// Port is from 1 to 65535; 0 for the zero ServerURL.
func (u ServerURL) Port() uint16 { return u.port }

// Prefix is the path, "" or "/a/b".
func (u ServerURL) Prefix() string { return u.path }

// IsZero reports whether this is no URL.
func (u ServerURL) IsZero() bool { return u == ServerURL{} }

// parseServer reads a URL by the grammar of the contract, which is far smaller
// than what net/url accepts:
//
//	"https://" ( dns-name [ "." ] / IPv4 / "[" IPv6 "]" ) [ ":" port ] [ "/" segment ]* [ "/" ]
//
// It reports every part that is wrong, in the order of the contract. An IPv6
// literal that maps an IPv4 address becomes that IPv4 address: policies judge
// addresses unmapped, and so the wire says what was judged.
func parseServer(s string) (ServerURL, []Reason) {
	if len(s) > maxServer {
		return ServerURL{}, []Reason{ReasonServerTooLong}
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return ServerURL{}, []Reason{ReasonServerScheme}
	}
	var wrong []Reason
	note := func(bad bool, r Reason) {
		if bad {
			wrong = append(wrong, r)
		}
	}
	note(!isFold(scheme, "https"), ReasonServerScheme)
	rest, _, hasFragment := strings.Cut(rest, "#")
	rest, _, hasQuery := strings.Cut(rest, "?")
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], strings.TrimSuffix(rest[i:], "/")
	}
	at := strings.LastIndexByte(authority, '@')
	note(at >= 0, ReasonServerUserinfo)
	note(hasQuery, ReasonServerQuery)
	note(hasFragment, ReasonServerFragment)
	hostText, portText, hasPort := splitPort(authority[at+1:])
	host, ok := parseHost(hostText)
	note(!ok, ReasonServerHost)
	port, ok := uint16(defaultPort), true
	if hasPort {
		port, ok = parsePort(portText)
	}
	note(!ok, ReasonServerPort)
	note(path != "" && !validPath(path), ReasonServerPath)
	if len(wrong) > 0 {
		return ServerURL{}, wrong
	}
	return canonicalServer(host, port, path), nil
}

// defaultPort is the port of https.
const defaultPort = 443

func canonicalServer(host string, port uint16, path string) ServerURL {
	text := "https://" + host
	if strings.Contains(host, ":") {
		text = "https://[" + host + "]"
	}
	if port != defaultPort {
		text += ":" + strconv.Itoa(int(port))
	}
	return ServerURL{text: text + path, host: host, path: path, port: port}
}

// splitPort cuts the port off. An address in brackets keeps them; one without
// (more than one colon) is cut at its first colon and fails as a host.
func splitPort(authority string) (host, port string, found bool) {
	if strings.HasPrefix(authority, "[") {
		if end := strings.IndexByte(authority, ']'); end >= 0 {
			after := authority[end+1:]
			if port, found = strings.CutPrefix(after, ":"); found || after == "" {
				return authority[:end+1], port, found
			}
		}
		return authority, "", false
	}
	if strings.Count(authority, ":") > 1 {
		return authority, "", false
	}
	return strings.Cut(authority, ":")
}

// parseHost returns the canonical host.
func parseHost(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", false
		}
		return addr.Unmap().String(), true
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is4() && addr.String() == s {
		return s, true
	}
	return parseDNSName(s)
}

// Limits of RFC 1035 2.3.4, without the root.
const (
	maxLabel = 63
	maxName  = 253
)

// parseDNSName returns the lower-case name without its trailing dot. The last
// label may look like no number (WHATWG URL 3.5, "ends in a number"), so that
// 0x7f.1, 0177.0.0.1 and 2130706433 are names to nobody. A label that claims to
// be an international one must be valid under idna.Lookup and encode again to
// itself.
func parseDNSName(s string) (string, bool) {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > maxName {
		return "", false
	}
	lower := make([]byte, len(s))
	for i := range len(s) {
		lower[i] = fold(s[i])
	}
	s = string(lower)
	international, last := false, ""
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return "", false
		}
		international = international || strings.HasPrefix(label, "xn--")
		last = label
	}
	if strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == "" {
		return "", false
	}
	if international {
		if again, err := idna.Lookup.ToASCII(s); err != nil || again != s {
			return "", false
		}
	}
	return s, true
}

// validLabel reports whether s is a lower-case DNS label by RFC 1123 2.1; a
// namespace is one too.
func validLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// parsePort reads 1 to 65535 in its one spelling: digits, no leading zero.
func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && s[0] != '0' && s[0] != '+'
}

// validPath reports whether s is one or more segments, each after a slash.
func validPath(s string) bool {
	s, ok := strings.CutPrefix(s, "/")
	if !ok {
		return false
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
		for _, c := range []byte(segment) {
			if !isAlphanumeric(c) && !strings.ContainsRune("._~-", rune(c)) {
				return false
			}
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || isLetter(c)
}
