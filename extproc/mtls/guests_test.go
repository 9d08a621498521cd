package mtls

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

// TestListIsReadStrictly: an entry that could match nobody, or more than one
// name, is a mistake to be told about.
func TestListIsReadStrictly(t *testing.T) {
	for _, entry := range []string{
		"dns:envoy", "dns:envoy.example.com", "dns:ENVOY.example.com", "dns:_x.example.com", "dns:xn--bcher-kva.example.com",
		"uri:spiffe://example.com", "uri:spiffe://example.com/ns/a_b/sa/Envoy-1.x", "uri:https://example.com/x?y#z", "uri:urn-like://h",
	} {
		_, err := parseGuests([]string{entry})
		require.NoError(t, err, entry)
	}
	const (
		dnsShape = "it is not a DNS name"
		spiffe   = "a SPIFFE id reads spiffe://trust-domain/path"
		wild     = "there is no wildcard: name each client in full"
	)
	for entry, want := range map[string]string{
		"": "write it as dns:NAME or uri:URI", "envoy.example.com": "write it as dns:NAME", "DNS:envoy.example.com": "write it as dns:NAME",
		"spiffe://example.com/x": "write it as dns:NAME", " dns:x": "write it as dns:NAME", "ip:10.0.0.1": "write it as dns:NAME",
		"dns:": "1 to 253 letters", "dns:" + strings.Repeat("a.", 127) + "a": "1 to 253 letters", "dns:" + strings.Repeat("a", 64): dnsShape,
		"dns:*.example.com": wild, "dns:*": wild, "dns:example.com.": dnsShape, "dns:.example.com": dnsShape, "dns:a..b": dnsShape, "dns:a b": dnsShape,
		"dns:-a": dnsShape, "dns:a-": dnsShape, "dns:bücher.example.com": dnsShape, "dns:a,b": dnsShape, "dns:a\n": dnsShape, "dns:example.com:443": dnsShape,
		"uri:": "not a URI with a scheme and a host", "uri:example.com/x": "not a URI", "uri:urn:x": "not a URI", "uri:https:///x": "not a URI", "uri://host/x": "not a URI",
		"uri:https://a b": "no spaces", "uri:https://a/\x00": "no spaces", "uri:https://ü/": "nothing beyond ASCII", "uri:https://x/" + strings.Repeat("a", 2048): "longer than 2048",
		"uri:spiffe://*/x": wild, "uri:spiffe://example.com/*": wild, "uri:https://%zz/": "not a URI",
		"uri:spiffe://Example.com/x": spiffe, "uri:SPIFFE://example.com/x": spiffe, "uri:spiffe://example.com/": spiffe, "uri:spiffe://example.com/a/": spiffe,
		"uri:spiffe://example.com//a": spiffe, "uri:spiffe://example.com/./a": spiffe, "uri:spiffe://example.com/../a": spiffe, "uri:spiffe://example.com:1/a": spiffe,
		"uri:spiffe://u@example.com/a": spiffe, "uri:spiffe://example.com/a?b": spiffe, "uri:spiffe://example.com/a#b": spiffe, "uri:spiffe://example.com/%61": spiffe,
	} {
		_, err := parseGuests([]string{"dns:envoy", entry})
		require.ErrorContains(t, err, want, "%q", entry)
		require.ErrorContains(t, err, "--tls-client-san", "%q", entry)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := parseGuests(nil)
	require.ErrorContains(t, err, "name at least one client")
}

// TestURIsAreThoseOfX509: the reader of the extension sees what x509 sees.
func TestURIsAreThoseOfX509(t *testing.T) {
	for _, uris := range [][]string{nil, {"spiffe://example.com/a"}, {"https://a.example.com/", "spiffe://b/c"}} {
		p := issue(t, nil, func(c *x509.Certificate) { named("x.example.com")(c); trial.URI(t, uris...)(c) })
		got, err := uriNames(p.Certificate)
		require.NoError(t, err)
		require.Equal(t, uris, got)
		require.Len(t, p.Certificate.URIs, len(got))
		for n, u := range p.Certificate.URIs {
			require.Equal(t, u.String(), got[n])
		}
	}
}

// TestLongNamesAreShownInPart: a stranger chooses them, a log line carries them.
func TestLongNamesAreShownInPart(t *testing.T) {
	g, err := parseGuests([]string{"dns:x"})
	require.NoError(t, err)
	leaf := &x509.Certificate{}
	for range 1000 {
		leaf.DNSNames = append(leaf.DNSNames, "many.example.com")
	}
	require.Less(t, len(g.admit(leaf).Error()), 400)
}

// FuzzGuests: an entry that is accepted lets in the name it names, and no other
// by a change of one byte.
func FuzzGuests(f *testing.F) {
	for _, seed := range []string{"dns:envoy.example.com", "uri:spiffe://example.com/a", "uri:https://x/%41", "dns:*.x", "dns:", "x"} {
		f.Add(seed, byte(3), byte(1))
	}
	f.Fuzz(func(t *testing.T, entry string, at, flip byte) {
		g, err := parseGuests([]string{entry})
		if err != nil {
			require.Empty(t, g.dns)
			require.Empty(t, g.uri)
			return
		}
		require.Len(t, entry, len([]rune(entry)), "ASCII")
		require.NotContains(t, entry, "*")
		name, dns := strings.CutPrefix(entry, dnsPrefix)
		if !dns {
			require.Equal(t, map[string]bool{strings.TrimPrefix(entry, uriPrefix): true}, g.uri)
			return
		}
		require.NoError(t, g.admit(&x509.Certificate{DNSNames: []string{name}}))
		changed := []byte(name)
		changed[int(at)%len(changed)] ^= flip
		if !strings.EqualFold(string(changed), name) {
			require.Error(t, g.admit(&x509.Certificate{DNSNames: []string{string(changed)}}))
		}
	})
}
