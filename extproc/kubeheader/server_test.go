package kubeheader

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestServerCanonical(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 bytes
	for _, c := range []struct{ in, want, host string }{
		{"https://a", "https://a", "a"},
		{"HttpS://A.b:443", "https://a.b", "a.b"},
		{"https://a.b.:6443/", "https://a.b:6443", "a.b"},
		{"https://a:1", "https://a:1", "a"},
		{"https://a:65535", "https://a:65535", "a"},
		{"https://1a.2b", "https://1a.2b", "1a.2b"},
		{"https://1.2.3.com", "https://1.2.3.com", "1.2.3.com"},
		{"https://a--b.example.com", "https://a--b.example.com", "a--b.example.com"},
		{"https://ab--c.example.com", "https://ab--c.example.com", "ab--c.example.com"},
		{"https://0x.example", "https://0x.example", "0x.example"},
		{"https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"https://255.255.255.255", "https://255.255.255.255", "255.255.255.255"},
		{"https://[::]", "https://[::]", "::"},
		{"https://[2001:0DB8::0:1]:443/", "https://[2001:db8::1]", "2001:db8::1"},
		{"https://[::ffff:10.0.0.1]:6443", "https://10.0.0.1:6443", "10.0.0.1"},
		{"https://[::ffff:a00:1]", "https://10.0.0.1", "10.0.0.1"},
		{"https://[::10.0.0.1]", "https://[::a00:1]", "::a00:1"},
		{"https://a/b/c/", "https://a/b/c", "a"},
		{"https://a/.../..a/~", "https://a/.../..a/~", "a"},
		{"https://" + name, "https://" + name, name},
		{"https://" + name + ".", "https://" + name, name},
	} {
		u, wrong := parseServer(c.in)
		require.Empty(t, wrong, c.in)
		require.Equal(t, c.want, u.String())
		require.Equal(t, c.host, u.Host())
		std, err := url.Parse(u.String())
		require.NoError(t, err)
		require.Equal(t, u.Host(), std.Hostname(), "net/url sees another host")
		require.Equal(t, u.Prefix(), std.Path, "net/url sees another path")
		again, wrong := parseServer(u.String())
		require.Empty(t, wrong, c.in)
		require.True(t, again == u && !u.IsZero(), "%s is not final", c.in)
	}
}

// What security reviews found url.Parse, resolvers or net/http to accept.
func TestServerRefused(t *testing.T) {
	label := strings.Repeat("a", 64)
	name := strings.Join([]string{label[:63], label[:63], label[:63], label[:62]}, ".") // 254 bytes
	refused := map[Reason][]string{
		ReasonServerScheme: {
			"a", "//a", "https:a", "https:/a", "https//a", "HTTPS", "http://a", "ws://a", " https://a", "https ://a", "://a", "httpſ://a",
		},
		ReasonServerHost: {
			"https://", "https:///", "https://.", "https://..", "https://.a", "https://a..b", "https://a..", "https://:443",
			"https://-a", "https://a-", "https://a.-b", "https://exa_mple.com", "https://a b", "https://a;p", "https://a,b", "https://a\\b", "https://a%2e",
			"https://" + label, "https://" + name, "https://h\u00fc.com", "https://a\u00adb.com", "https://\uff11\uff12\uff17.0.0.1", "https://127\u30020\u30020\u30021",
			"https://127.1", "https://127.0.1", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1", "https://127.0.0.0x1", "https://0X7F.1", "https://a.0x", "https://0177.0.0.1", "https://127.0.0.01",
			"https://256.0.0.1", "https://1.2.3.4.5", "https://1.2.3.4.", "https://a.1", "https://a.0",
			"https://::1", "https://fe80::1:6443", "https://[::1", "https://[]", "https://[::1]x", "https://[::1]]", "https://[1.2.3.4]", "https://[a]",
			"https://[fe80::1%25eth0]", "https://[fe80::1%eth0]", "https://[::1%25]", "https://[::ffff:1.2.3.4%eth0]",
			"https://xn--", "https://xn--a", "https://xn--abc-.com", "https://xn--zzzzzz99999.com", "https://xn--a-ecp.ru", "https://xn--example-.com",
		},
		ReasonServerPort: {
			"https://a:", "https://a:0", "https://a:65536", "https://a:99999999999999999999", "https://a:+1", "https://a:-1", "https://a:01", "https://a:1a", "https://a: 1", "https://[::1]:", "https://a:0x1",
		},
		ReasonServerPath: {
			"https://a//", "https://a/b//", "https://a//b", "https://a/./", "https://a/..", "https://a/b/../c", "https://a/%2e", "https://a/b;c", "https://a/b c", "https://a/b:c", "https://a/@b", "https://a/\u00e9",
		},
		ReasonServerUserinfo: {"https://@a", "https://u@a", "https://u:p@a:443", "https://a@b@c"},
		ReasonServerQuery:    {"https://a?", "https://a/?b=c", "https://a?b@c"},
		ReasonServerFragment: {"https://a#", "https://a/#b", "https://a#@b", "https://a#?"},
		ReasonServerTooLong:  {"https://a/" + strings.Repeat("b", 503)},
	}
	for want, spellings := range refused {
		for _, s := range spellings {
			u, wrong := parseServer(s)
			require.True(t, u.IsZero(), s)
			require.Equal(t, []Reason{want}, wrong, "%s", s)
		}
	}
}

// Whatever is accepted is final, lower-case ASCII, and read alike by net/url.
func TestServerProperties(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"https", "HTTP", "://", "/", ":", "@", "?", "#", "[", "]", ".", "..", "-", "_", "%", "%25", "\\", "a", "B", "xn--", "xn--bcher-kva",
		"0", "1", "127", "255", "443", "6443", "0x7f", "::", "::1", "fe80", "ffff", "example.com", "\u00e9", "\u3002", " ", "\x00", "~",
	})
	rapid.Check(t, func(t *rapid.T) {
		s := "https://" + strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
		u, wrong := parseServer(s)
		if len(wrong) > 0 {
			if !u.IsZero() {
				t.Fatalf("refused and yet a URL")
			}
			return
		}
		again, wrong := parseServer(u.String())
		if len(wrong) > 0 || again != u {
			t.Fatalf("not final")
		}
		std, err := url.Parse(u.String())
		if err != nil || std.Hostname() != u.Host() || std.Path != u.Prefix() || std.User != nil || std.RawQuery != "" || std.Fragment != "" {
			t.Fatalf("net/url reads it another way")
		}
		if strings.ToLower(u.Host()) != u.Host() || u.Port() == 0 {
			t.Fatalf("not canonical")
		}
	})
}
