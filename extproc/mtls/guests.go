package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const (
	dnsPrefix    = "dns:"
	uriPrefix    = "uri:"
	spiffePrefix = "spiffe://"
	// maxSAN is the longest SPIFFE id (SPIFFE-ID, 2.3) and longer than a DNS name.
	maxSAN = 2048
	// maxShown bounds what of a refused certificate gets into a log line.
	maxShown = 200
)

// guests are the names that may connect.
type guests struct {
	dns map[string]bool // lower-case
	uri map[string]bool // byte for byte
}

// parseGuests reads the operator's list.
func parseGuests(entries []string) (guests, error) {
	g := guests{dns: map[string]bool{}, uri: map[string]bool{}}
	for _, entry := range entries {
		if name, ok := strings.CutPrefix(entry, dnsPrefix); ok {
			if wrong := wrongDNS(name); wrong != "" {
				return guests{}, fmt.Errorf("--tls-client-san %q: %s", entry, wrong)
			}
			g.dns[lower(name)] = true
			continue
		}
		id, ok := strings.CutPrefix(entry, uriPrefix)
		if !ok {
			return guests{}, fmt.Errorf("--tls-client-san %q: write it as dns:NAME or uri:URI, such as uri:spiffe://example.com/envoy", entry)
		}
		if wrong := wrongURI(id); wrong != "" {
			return guests{}, fmt.Errorf("--tls-client-san %q: %s", entry, wrong)
		}
		g.uri[id] = true
	}
	if len(g.dns)+len(g.uri) == 0 {
		return guests{}, errors.New("--tls-client-san: name at least one client that may connect, such as dns:envoy.example.com")
	}
	return g, nil
}

// wrongDNS says what keeps name from being a DNS name (RFC 1123) in full.
func wrongDNS(name string) string {
	const maxName, maxLabel = 253, 63
	if strings.Contains(name, "*") {
		return "there is no wildcard: name each client in full"
	}
	if name == "" || len(name) > maxName {
		return "a DNS name has 1 to 253 letters"
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(lower(label), letters+"-_") != "" {
			return "it is not a DNS name: labels of letters, digits and - with dots between them, such as envoy.example.com"
		}
	}
	return ""
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

// wrongURI says what keeps id from being a URI that a certificate could carry.
func wrongURI(id string) string {
	if len(id) > maxSAN {
		return "it is longer than 2048 bytes"
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return "a URI holds no spaces and nothing beyond ASCII"
		}
	}
	if strings.Contains(id, "*") {
		return "there is no wildcard: name each client in full"
	}
	u, err := url.Parse(id)
	if err != nil || !u.IsAbs() || u.Host == "" {
		return "it is not a URI with a scheme and a host, such as spiffe://example.com/envoy"
	}
	if lower(u.Scheme) == "spiffe" {
		return wrongSPIFFE(id)
	}
	return ""
}

// wrongSPIFFE follows SPIFFE-ID 2: what it calls invalid can be in no SVID, so
// that a client of that name could never connect.
func wrongSPIFFE(id string) string {
	const shape = "a SPIFFE id reads spiffe://trust-domain/path: lower-case trust domain, segments of letters, digits and . - _, no port, query or fragment"
	rest, ok := strings.CutPrefix(id, spiffePrefix)
	if !ok {
		return shape
	}
	domain, path, rooted := strings.Cut(rest, "/")
	if domain == "" || strings.Trim(domain, letters+".-_") != "" {
		return shape
	}
	if !rooted {
		return "" // the trust domain itself
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(lower(segment), letters+".-_") != "" {
			return shape
		}
	}
	return ""
}

// admit looks for a name of the certificate on the list. The common name is
// none. Its error is for the log and names what the certificate holds, which
// is no secret.
func (g guests) admit(leaf *x509.Certificate) error {
	for _, name := range leaf.DNSNames {
		if g.dns[lower(name)] {
			return nil
		}
	}
	uris, err := uriNames(leaf)
	if err != nil {
		return err
	}
	for _, id := range uris {
		if !g.uri[id] {
			continue
		}
		// X509-SVID 2 and 5.2: exactly one URI, and no authority.
		if strings.HasPrefix(id, spiffePrefix) && (len(uris) != 1 || leaf.IsCA) {
			return errors.New("the client's certificate has an allowed SPIFFE id, and beside it another URI or the right to sign: it is no X509-SVID")
		}
		return nil
	}
	return fmt.Errorf("the client's certificate has no name on the list (--tls-client-san); it has %s", shown(leaf.DNSNames, uris))
}

// uriNames are the URIs of the certificate, byte for byte. x509 has parsed them,
// and a parsed URI prints in more than one way.
func uriNames(leaf *x509.Certificate) ([]string, error) {
	const uriTag = 6 // GeneralName, RFC 5280 4.2.1.6
	extension := asn1.ObjectIdentifier{2, 5, 29, 17}
	var uris []string
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(extension) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, errors.New("the client's certificate has a subjectAltName that cannot be read")
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == uriTag {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris, nil
}

// shown lists names for a person, quoted and bounded: a stranger chose them.
func shown(dns, uris []string) string {
	out := make([]string, 0, len(dns)+len(uris))
	for _, name := range dns {
		out = append(out, fmt.Sprintf("%q", dnsPrefix+name))
	}
	for _, name := range uris {
		out = append(out, fmt.Sprintf("%q", uriPrefix+name))
	}
	if len(out) == 0 {
		return "neither a DNS name nor a URI"
	}
	text := strings.Join(out, ", ")
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return text
}

// lower folds the letters that DNS folds: A to Z and nothing else (RFC 4343).
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
