package admit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddress: Envoy's word counts where only Envoy can say it, in one way of
// saying it; else the connection's peer does.
func TestAddress(t *testing.T) {
	for name, row := range map[string]struct {
		trust bool
		said  []string
		peer  string
		want  string
	}{
		"IPv4":            {true, []string{"203.0.113.7"}, "127.0.0.1:1", "203.0.113.7/32"},
		"IPv6":            {true, []string{"2001:db8:1:2:3:4:5:6"}, "127.0.0.1:1", "2001:db8:1:2::/64"},
		"IPv4 in IPv6":    {true, []string{"::ffff:203.0.113.7"}, "127.0.0.1:1", "203.0.113.7/32"},
		"zone":            {true, []string{"fe80::1%eth0"}, "127.0.0.1:1", "fe80::/64"},
		"nothing said":    {true, nil, "127.0.0.1:1", "127.0.0.1/32"},
		"two":             {true, []string{"203.0.113.7", "203.0.113.8"}, "127.0.0.1:1", "127.0.0.1/32"},
		"a list":          {true, []string{"203.0.113.7, 203.0.113.8"}, "127.0.0.1:1", "127.0.0.1/32"},
		"no address":      {true, []string{"canary"}, "[2001:db8::1]:1", "2001:db8::/64"},
		"no trust":        {false, []string{"203.0.113.7"}, "198.51.100.1:1", "198.51.100.1/32"},
		"no trust, IPv6":  {false, []string{"203.0.113.7"}, "[2001:db8::1]:1", "2001:db8::/64"},
		"a socket":        {true, []string{"203.0.113.7"}, "@", "203.0.113.7/32"},
		"a silent socket": {true, nil, "@", "invalid Prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.handler = New(Config{Verifier: h.verifier, Now: noonNow, TrustAddress: row.trust})(h.room)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
			h.seal(t, r.Header, false)
			r.RemoteAddr = row.peer
			r.Header["X-Envoy-External-Address"] = row.said
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			r.Header.Set("X-Real-IP", "192.0.2.1")
			h.handler.ServeHTTP(httptest.NewRecorder(), r)
			require.Len(t, h.room.callers, 1)
			require.Equal(t, row.want, h.room.callers[0].Address.String())
		})
	}
	require.Equal(t, netip.Prefix{}, network(netip.Addr{}))
}
