package kubeheader

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func serverLines(server string) []Field {
	return append(lines(Authorization+": abc"), Field{Name: Server, Value: NewSecret([]byte(server))})
}

// FuzzServerURL: what the grammar accepts net/url reads the same way, a second
// reading changes nothing, and the place that the HTTP client of the standard
// library dials is the one that was judged.
func FuzzServerURL(f *testing.F) {
	p := openPolicy(f)
	f.Fuzz(func(t *testing.T, server string) {
		if len(server) > maxFuzzed {
			return
		}
		checked, err := promises(t, serverLines(server), p)
		u, wrong := parseServer(server)
		require.Equal(t, len(wrong) > 0, u.IsZero())
		if err == nil {
			trimmed, _ := parseServer(strings.Trim(server, " \t"))
			target, _ := checked.Target()
			require.Equal(t, trimmed, target.Server)
		}
		if len(wrong) > 0 {
			return
		}
		again, wrong := parseServer(u.String())
		require.Empty(t, wrong)
		require.Equal(t, u, again)
		asURL(t, server, u)
		asURL(t, u.String(), u)
		asHost(t, u.Host())
	})
}

// asURL: net/url reads the text as this host, port and path, and as no more.
func asURL(t *testing.T, text string, u ServerURL) {
	t.Helper()
	std, err := url.Parse(text)
	require.NoError(t, err)
	require.Equal(t, "https", std.Scheme)
	require.Nil(t, std.User)
	require.Empty(t, std.RawQuery+std.Fragment+std.Opaque)
	require.False(t, std.ForceQuery)
	host := strings.TrimSuffix(strings.ToLower(std.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	require.Equal(t, u.Host(), host)
	port := std.Port()
	if port == "" {
		port = "443"
	}
	require.Equal(t, strconv.Itoa(int(u.Port())), port)
	require.Equal(t, u.Prefix(), strings.TrimSuffix(std.EscapedPath(), "/"))
	require.Equal(t, u.Prefix(), strings.TrimSuffix(std.Path, "/"), "a path that escaping changes")
	require.NotContains(t, u.Prefix()+"/", "/../")
}

// atonNumber is a part of an address to inet_aton: decimal, octal or hexadecimal.
var atonNumber = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)

// asHost: a literal is in its one spelling, and a name is no number to anybody:
// not to netip, and not to inet_aton, which takes octal, hexadecimal and fewer
// than four parts.
func asHost(t *testing.T, host string) {
	t.Helper()
	if addr, err := netip.ParseAddr(host); err == nil {
		require.Equal(t, addr.String(), host)
		require.False(t, addr.Is4In6())
		require.Empty(t, addr.Zone())
		return
	}
	require.Regexp(t, `^[a-z0-9-]+(\.[a-z0-9-]+)*$`, host)
	require.LessOrEqual(t, len(host), 253)
	numbers := true
	for label := range strings.SplitSeq(host, ".") {
		numbers = numbers && atonNumber.MatchString(label)
	}
	require.False(t, numbers, "inet_aton reads the name as an address")
	_, _, err := net.SplitHostPort(net.JoinHostPort(host, "443"))
	require.NoError(t, err)
}

func bearerLines(value string) []Field {
	return append(lines(Server+": https://api.example.com"), Field{Name: Authorization, Value: NewSecret([]byte(value))})
}

// b64token is RFC 6750 2.1.
var b64token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// FuzzBearer: an accepted token is a b64token within the limit that stood at the
// end of the value, is sent on behind one word Bearer, and is no JWT that ended.
func FuzzBearer(f *testing.F) {
	p := openPolicy(f)
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > maxFuzzed {
			return
		}
		checked, err := promises(t, bearerLines(value), p)
		exp, dated := plainExpiry(value)
		if err != nil {
			return
		}
		target, _ := checked.Target()
		token := string(target.Auth.(Token).Value.Reveal())
		require.Regexp(t, b64token, token)
		require.LessOrEqual(t, len(token), maxToken)
		require.NotEqual(t, "bearer", strings.ToLower(token), "the word alone is an empty token")
		before, found := strings.CutSuffix(strings.Trim(value, " \t"), token)
		require.True(t, found)
		require.Contains(t, []string{"", "bearer"}, strings.ToLower(strings.TrimRight(before, " ")))
		require.Equal(t, "Bearer "+token, string(checked.Canonical()[1].Value.Reveal()))
		if dated {
			require.GreaterOrEqual(t, exp, float64(noon.Unix()-60), "a JWT that ended was let through")
			require.True(t, checked.Until().Equal(target.Auth.(Token).Expiry.Add(expiryGrace)))
		}
	})
}

// plainExpiry is how any JWT library finds exp; it leaves alone what is so odd
// that libraries differ.
func plainExpiry(value string) (exp float64, ok bool) {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return 0, false
	}
	parts := strings.Split(fields[len(fields)-1], ".")
	if len(parts) != 3 {
		return 0, false
	}
	var object [2]map[string]any
	for i, part := range parts[:2] {
		text, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || json.Unmarshal(text, &object[i]) != nil || object[i] == nil {
			return 0, false
		}
	}
	exp, ok = object[1]["exp"].(float64)
	return exp, ok && exp >= 0 && exp < 1e11
}
