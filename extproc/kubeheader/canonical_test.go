package kubeheader

import (
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// widePolicy allows every option, so that random requests often pass.
func widePolicy(tb testing.TB) *Policy {
	tb.Helper()
	p := usualPolicy(tb)
	p.CredentialsOptional, p.AllowTLSServerName, p.PublicRoots = true, true, true
	p.InsecureHosts = []string{"api.example.com"}
	p.PathPrefixes = []string{"/k8s"}
	return p
}

// drawn makes a random request: one that should pass, in any spelling and order,
// or one of lines that are good and bad.
func drawn(t *rapid.T, m map[string]string) []Field {
	fields := make([]Field, 0, 2*headerCount)
	add := func(name string, values ...string) {
		spelt := rapid.SampledFrom([]string{name, name, capitals(name)}).Draw(t, "spelling")
		value := rapid.SampledFrom(values).Draw(t, "value of "+name)
		fields = append(fields, Field{Name: spelt, Value: NewSecret([]byte(value))})
	}
	good := map[string][]string{
		Server:                {"https://API.example.com:443/", "https://api.example.com:6443/k8s/c-1", "HTTPS://api.example.com."},
		CertificateAuthority:  {m["ca"], m["ca.unpadded"], m["ca.spaced"], m["ca.rotation"]},
		InsecureSkipTLSVerify: {"TRUE", "false", " true"},
		TLSServerName:         {"Kubernetes.", "a.b"},
		Namespace:             {" team-a\t", "0"},
		Toolsets:              {"b, a,b", "core"},
	}
	bad := map[string][]string{
		Server:                {"http://x", "", "${X}", "https://a.example.net"},
		CertificateAuthority:  {m["ca.cut"], "A", m["ca.old"]},
		Authorization:         {m["jwt.expired-61s-ago"], "Bearer", "a,b"},
		ClientCertificate:     {m["ca"], "\xff", m["p256"]},
		ClientKey:             {m["key.encrypted"], m["rsa2048.key"]},
		InsecureSkipTLSVerify: {"no"},
		TLSServerName:         {"127.1"},
		Namespace:             {"A"},
		Toolsets:              {",", "A"},
	}
	for _, name := range Names() {
		if len(good[name]) > 0 && (name == Server || rapid.Bool().Draw(t, "with "+name)) {
			add(name, good[name]...)
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "credential") {
	case 0, 1:
		add(Authorization, "bearer abc", "abc", m["jwt"])
	case 2:
		add(ClientCertificate, m["p256"], m["chain"])
		add(ClientKey, m["p256.key"], m["p256.key.sec1"], m["p256.key.params"])
	case 3:
		add(ClientCertificate, m["rsa2048"])
		add(ClientKey, m["rsa2048.key"], m["rsa2048.key.pkcs1"])
	}
	if rapid.Bool().Draw(t, "with faults") {
		for range rapid.IntRange(1, 4).Draw(t, "faults") {
			name := rapid.SampledFrom(Names()).Draw(t, "faulty")
			add(name, bad[name]...)
		}
	}
	return rapid.Permutation(fields).Draw(t, "order")
}

// capitals writes a name in the other case, letter by letter.
func capitals(name string) string {
	other := []byte(name)
	for i, c := range other {
		if isLetter(c) {
			other[i] = c ^ ('a' - 'A')
		}
	}
	return string(other)
}

// Parse of a canonical form changes nothing; the order of arrival and the case
// of names decide nothing; a refusal is in contract order and yields nothing.
func TestParseProperties(t *testing.T) {
	p, m, accepted := widePolicy(t), material(t), 0
	rapid.Check(t, func(t *rapid.T) {
		fields := drawn(t, m)
		checked, err := Parse(Request{Fields: fields}, p, noon)
		shuffled := rapid.Permutation(fields).Draw(t, "shuffled")
		other, otherErr := Parse(Request{Fields: shuffled}, p, noon)
		if (err == nil) != (otherErr == nil) || err == nil && len(fields) > 0 && !checked.Equal(other) || !slices.Equal(outcome(checked, err), outcome(other, otherErr)) {
			t.Fatalf("the order of arrival decides: %v, %v", outcome(checked, err), outcome(other, otherErr))
		}
		if err != nil {
			found := problems(err)
			if len(found) == 0 || len(found) > MaxProblems || checked.Valid() || checked.fields != nil || checked.target != nil {
				t.Fatalf("a refusal yields something")
			}
			if !slices.IsSortedFunc(found, func(a, b Problem) int { return slices.Index(Names(), a.Header) - slices.Index(Names(), b.Header) }) {
				t.Fatalf("problems are not in contract order")
			}
			return
		}
		accepted++
		again, err := Parse(Request{Fields: checked.Canonical()}, p, noon)
		if err != nil || !again.Equal(checked) || !again.Until().Equal(checked.Until()) {
			t.Fatalf("the canonical form is not final: %v", outcome(again, err))
		}
	})
	require.NotZero(t, accepted, "no random request was accepted: the property was not tested")
}

func mustPosition(name string) int {
	at, _, _ := position(name)
	return at
}

func TestCanonicalOrder(t *testing.T) {
	m, p := material(t), widePolicy(t)
	text := []string{
		Toolsets + ": core", Namespace + ": team-a", TLSServerName + ": kubernetes", ClientKey + ": " + m["rsa2048.key"],
		ClientCertificate + ": " + m["rsa2048"], CertificateAuthority + ": " + m["ca"], Server + ": https://api.example.com",
	}
	c, err := Parse(Request{Fields: lines(text...)}, p, noon)
	require.NoError(t, err)
	got := make([]string, 0, headerCount)
	for _, f := range c.Canonical() {
		got = append(got, f.Name)
	}
	slices.Reverse(text)
	require.Len(t, got, len(text))
	require.True(t, slices.IsSortedFunc(got, func(a, b string) int { return mustPosition(a) - mustPosition(b) }), got)
}

func TestTarget(t *testing.T) {
	m, p := material(t), widePolicy(t)
	parse := func(text ...string) (Checked, Target) {
		c, err := Parse(Request{Fields: lines(text...)}, p, noon)
		require.NoError(t, err)
		target, ok := c.Target()
		require.True(t, ok)
		return c, target
	}
	c, target := parse(Server+": https://api.example.com:6443/k8s", CertificateAuthority+": "+m["ca.second"], Authorization+": "+m["jwt"],
		TLSServerName+": Kubernetes", Namespace+": team-a", Toolsets+": b,a")
	require.Equal(t, "https://api.example.com:6443/k8s", target.Server.String())
	require.Equal(t, uint16(6443), target.Server.Port())
	require.Equal(t, "/k8s", target.Server.Prefix())
	require.Len(t, target.Trust.(CA).Certificates, 2)
	require.True(t, target.Auth.(Token).Value.Equal(NewSecret([]byte(m["jwt"]))))
	require.True(t, target.Auth.(Token).Expiry.Equal(noon.Add(time.Hour)))
	require.True(t, c.Until().Equal(noon.Add(time.Hour+time.Minute)))
	require.Equal(t, "kubernetes", target.TLSName)
	require.Equal(t, "team-a", target.Namespace)
	require.Equal(t, []string{"a", "b"}, target.Toolsets)
	require.Equal(t, "token", c.Credential())

	c, target = parse(Server+": https://api.example.com", ClientCertificate+": "+m["chain"], ClientKey+": "+m["p256.key.sec1"])
	require.Equal(t, SystemRoots{}, target.Trust)
	require.Equal(t, "client-certificate", c.Credential())
	require.True(t, c.Until().Equal(noon.Add(time.Hour)))
	cert := target.Auth.(ClientCert)
	pair, err := tls.X509KeyPair(cert.CertificatePEM.Reveal(), cert.KeyPEM.Reveal())
	require.NoError(t, err)
	require.Equal(t, cert.Leaf.Raw, pair.Leaf.Raw)

	c, target = parse(Server+": https://api.example.com", Authorization+": abc", InsecureSkipTLSVerify+": true")
	require.Equal(t, Insecure{}, target.Trust)
	require.Zero(t, c.Until())
	require.Nil(t, target.Toolsets)
}

// The instant of Until is the last one at which Parse accepts.
func TestUntilIsTheLastInstant(t *testing.T) {
	m, p := material(t), widePolicy(t)
	for _, text := range [][]string{
		{Server + ": https://api.example.com", Authorization + ": " + m["jwt"]},
		{Server + ": https://api.example.com", ClientCertificate + ": " + m["p256"], ClientKey + ": " + m["p256.key"]},
		{Server + ": https://api.example.com", ClientCertificate + ": " + m["chain"], ClientKey + ": " + m["p256.key"]},
		{Server + ": https://api.example.com", ClientCertificate + ": " + m["chain.short-issuer"], ClientKey + ": " + m["p256.key"]},
	} {
		c, err := Parse(Request{Fields: lines(text...)}, p, noon)
		require.NoError(t, err)
		_, err = Parse(Request{Fields: lines(text...)}, p, c.Until())
		require.NoError(t, err)
		_, err = Parse(Request{Fields: lines(text...)}, p, c.Until().Add(time.Nanosecond))
		require.Error(t, err)
	}
}

func TestZeroAndAnonymous(t *testing.T) {
	var zero Checked
	require.False(t, zero.Valid())
	_, ok := zero.Target()
	require.False(t, ok)
	require.Empty(t, zero.Credential())
	require.False(t, zero.Equal(Checked{}), "nothing equals what Parse did not make")
	anonymous, err := Parse(Request{}, &Policy{CredentialsOptional: true}, noon)
	require.NoError(t, err)
	require.True(t, anonymous.Valid())
	_, ok = anonymous.Target()
	require.False(t, ok)
	require.Empty(t, anonymous.Canonical())
	require.Equal(t, "anonymous", anonymous.Credential())
	again, err := Parse(Request{}, &Policy{CredentialsOptional: true}, noon)
	require.NoError(t, err)
	require.True(t, anonymous.Equal(again))
	require.False(t, anonymous.Equal(zero))
}

// A nil policy and the zero policy allow nothing.
func TestNoPolicyAllowsNothing(t *testing.T) {
	for _, p := range []*Policy{nil, {}} {
		_, err := Parse(Request{Fields: lines(Server+": https://api.example.com", CertificateAuthority+": "+material(t)["ca"], Authorization+": abc")}, p, noon)
		require.Equal(t, []string{"host-not-allowed kubernetes-server", "token-not-allowed kubernetes-authorization"}, outcome(Checked{}, err))
		_, err = Parse(Request{}, p, noon)
		require.Error(t, err)
	}
}

// The result keeps nothing of the request's memory.
func TestParseDoesNotAlias(t *testing.T) {
	text := []string{Server + ": https://api.example.com", CertificateAuthority + ": " + material(t)["ca"], Authorization + ": Bearer abc", Toolsets + ": core"}
	fields := lines(text...)
	c, err := Parse(Request{Fields: fields}, usualPolicy(t), noon)
	require.NoError(t, err)
	for _, f := range fields {
		clear(f.Value.Reveal())
	}
	fresh, err := Parse(Request{Fields: lines(text...)}, usualPolicy(t), noon)
	require.NoError(t, err)
	require.True(t, c.Equal(fresh))
	target, _ := c.Target()
	require.True(t, target.Auth.(Token).Value.Equal(NewSecret([]byte("abc"))))
}

func TestEqualComparesNamesAndValues(t *testing.T) {
	parse := func(line string) Checked {
		c, err := Parse(Request{Fields: lines(Server+": https://api.example.com", Authorization+": abc", line)}, widePolicy(t), noon)
		require.NoError(t, err)
		return c
	}
	require.True(t, parse(Namespace+": a").Equal(parse("KUBERNETES-NAMESPACE:  a ")))
	require.False(t, parse(Namespace+": a").Equal(parse(Namespace+": b")))
	require.False(t, parse(Namespace+": a").Equal(parse(TLSServerName+": a")))
}
