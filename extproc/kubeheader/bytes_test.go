package kubeheader

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// Every byte from 0 to 255 in the first, a middle and the last place of every
// textual value: what is not in the small set that the contract names is
// refused, and a refusal comes with the zero Checked.
func TestEveryByteInEveryPlace(t *testing.T) {
	const (
		lower = "abcdefghijklmnopqrstuvwxyz"
		upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		digit = "0123456789"
		blank = " \t"
	)
	alnum := lower + upper + digit
	hosts, err := hostpolicy.New(hostpolicy.Config{AnyPublic: true})
	require.NoError(t, err)
	p := &Policy{
		Hosts: hosts, PathPrefixes: []string{"/"}, InsecureHosts: []string{"api.example.com"},
		AllowToken: true, AllowTLSServerName: true,
	}
	material := material(t)
	for _, c := range []struct {
		header, before, after string
		allowed               string
	}{
		{Server, "", "https://api.example.com", blank},
		{Server, "https", "://api.example.com", ""},
		{Server, "https://", ".example.org", alnum},
		{Server, "https://a", "b.example.org", alnum + ".-"},
		{Server, "https://a.example.org", "", digit + upper + lower + blank + "./"},
		{Server, "https://a.example.org:", "", ""},
		{Server, "https://a.example.org:", "443", "6"},
		{Server, "https://a.example.org/x", "y", alnum + "._~-/"},
		{Server, "https://a.example.org/x", "", alnum + "._~-/" + blank},
		{Authorization, "", "abc", alnum + "-._~+/" + blank},
		{Authorization, "ab", "cd", alnum + "-._~+/"},
		{Authorization, "abcd", "", alnum + "-._~+/=" + blank},
		{Authorization, "Bearer ", "abc", alnum + "-._~+/ "},
		{InsecureSkipTLSVerify, "", "true", blank},
		{InsecureSkipTLSVerify, "tru", "", "eE"},
		{InsecureSkipTLSVerify, "true", "", blank},
		{TLSServerName, "", "b.example", alnum + blank},
		{TLSServerName, "a", "b.example", alnum + "-."},
		{TLSServerName, "b.exampl", "", alnum + blank + "."},
		{Namespace, "", "a", lower + digit + blank},
		{Namespace, "a", "b", lower + digit + "-"},
		{Namespace, "a", "", lower + digit + blank},
		{Toolsets, "", "a", lower + blank},
		{Toolsets, "a", "b", lower + "-,"},
		{Toolsets, "a", "", lower + "-" + blank},
		{CertificateAuthority, "", material["ca"], blank},
		{CertificateAuthority, material["ca"], "", blank},
	} {
		for b := range 256 {
			fields := lines(usual...)
			fields[1].Value = NewSecret([]byte(material["ca"]))
			value := NewSecret([]byte(c.before + string([]byte{byte(b)}) + c.after))
			replaced := false
			for i := range fields {
				if fields[i].Name == c.header {
					fields[i].Value, replaced = value, true
				}
			}
			if !replaced {
				fields = append(fields, Field{Name: c.header, Value: value})
			}
			checked, err := Parse(Request{Fields: fields}, p, noon)
			want := strings.IndexByte(c.allowed, byte(b)) >= 0
			require.Equal(t, want, err == nil, "%s with byte %#x between %q and %q: %v", c.header, b, short(c.before), short(c.after), outcome(checked, err))
			require.Equal(t, want, checked.Valid())
			if !want {
				require.Nil(t, checked.Canonical())
				_, ok := checked.Target()
				require.False(t, ok)
			}
		}
	}
}

// Every byte at every place of a name: only the letters' other case and the
// underscore are read as the same header, and the latter is refused.
func TestEveryByteInAName(t *testing.T) {
	name := Namespace
	for i := range len(name) {
		for b := range 256 {
			spelt := name[:i] + string([]byte{byte(b)}) + name[i+1:]
			at, underscored, ok := position(spelt)
			lower := strings.ToLower(spelt) == name && b < 0x80
			dash := name[i] == '-' && b == '_'
			require.Equal(t, lower || dash, ok, "byte %#x at %d", b, i)
			require.Equal(t, dash, underscored)
			if ok {
				require.Equal(t, atNamespace, at)
			}
			require.Equal(t, i >= len(Prefix) || lower, Claims(spelt), "byte %#x at %d", b, i)
		}
	}
	for n := range len(Prefix) {
		require.False(t, Claims(Prefix[:n]))
	}
}
