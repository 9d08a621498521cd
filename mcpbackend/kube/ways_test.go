package kube

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// way is one of the ways by which a request can leave this room.
type way func(ctx context.Context, c *Client) error

// ways are all of them.
func ways() map[string]way {
	return map[string]way{
		"plain": func(ctx context.Context, c *Client) error {
			_, err := c.Get(ctx, Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}, "team-a", "web-0")
			return err
		},
		"write": func(ctx context.Context, c *Client) error {
			_, err := c.Delete(ctx, Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}, "team-a", "web-0", DeleteOptions{})
			return err
		},
		"logs": func(ctx context.Context, c *Client) error {
			_, _, err := c.Logs(ctx, "team-a", "web-0", LogOptions{})
			return err
		},
		"exec over a WebSocket": func(ctx context.Context, c *Client) error {
			return alone(ctx, c, (*entry).overWebSocket)
		},
		"exec over SPDY": func(ctx context.Context, c *Client) error {
			return alone(ctx, c, (*entry).overSPDY)
		},
		"a library": func(ctx context.Context, c *Client) error {
			return fetch(ctx, c, "/api/v1/namespaces/team-a/pods/web-0")
		},
		"a watch": func(ctx context.Context, c *Client) error {
			return fetch(ctx, c, "/api/v1/namespaces/team-a/pods?watch=1")
		},
	}
}

// fetch reads an answer as a library does.
func fetch(ctx context.Context, c *Client, path string) error {
	req, err := http.NewRequest(http.MethodGet, c.Server()+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.RoundTripper(ctx).RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		return statusError(resp.StatusCode, nil)
	}
	if err != nil {
		return networkError(err)
	}
	return nil
}

// alone runs a command over one protocol, whether or not the other is refused.
func alone(ctx context.Context, c *Client, over func(*entry, context.Context, *url.URL, *transcript) (int, error)) error {
	u, err := c.execURL("team-a", "web-0", ExecOptions{Command: []string{"true"}})
	if err != nil {
		return err
	}
	if _, err = over(c.entry, saying(ctx, c.said), u, &transcript{limit: 1 << 10}); err != nil {
		return networkError(err)
	}
	return nil
}

// everything is a client that may do all there is.
func everything(t *testing.T, h *hostile, change ...func(*Config)) *Client {
	t.Helper()
	return clientOf(t, h, append(change, mayExec, mayWrite)...).Writing().Executing()
}

// TestAddressPolicy: no way goes around the policy of addresses, for a name and
// for a literal alike.
func TestAddressPolicy(t *testing.T) {
	for name, go1 := range ways() {
		h := newHostile(t, plain)
		ten, err := hostpolicy.New(hostpolicy.Config{Networks: []hostpolicy.Network{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Ports: []uint16{443}}}})
		require.NoError(t, err)
		c := everything(t, h, func(c *Config) { c.Rules = func() Rules { return Rules{Hosts: ten, Generation: "2"} } })
		require.Equal(t, Refused, trouble(t, go1(within(t, 5*time.Second), c)), name)
		require.Zero(t, h.connections.Load(), name)
	}
}

// TestNoRedirect is followed on any way, an upgrade's included.
func TestNoRedirect(t *testing.T) {
	thief := newHostile(t, plain)
	for name, go1 := range ways() {
		for _, status := range []int{301, 302, 303, 304, 307, 308} {
			h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", thief.URL+r.URL.RequestURI())
				w.WriteHeader(status)
			})
			require.Equal(t, Redirected, trouble(t, go1(within(t, 5*time.Second), everything(t, h))), name)
			require.Len(t, h.paths(), 1, name)
		}
	}
	require.Zero(t, thief.connections.Load())
}

// TestNoWayLastsForEver: each needs a deadline.
func TestNoWayLastsForEver(t *testing.T) {
	for name, go1 := range ways() {
		h := newHostile(t, plain)
		err := go1(context.Background(), everything(t, h))
		require.Equal(t, Invalid, trouble(t, err), name)
		require.ErrorContains(t, err, errNoDeadline.Error(), name)
		require.Empty(t, h.paths(), name)
	}
}

// TestNoRepeat: a server that asks to come back later is not asked again.
func TestNoRepeat(t *testing.T) {
	for name, go1 := range ways() {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "2147483647")
				refuse(w, status, "later", "")
			})
			err := go1(within(t, 5*time.Second), everything(t, h))
			if name == "exec over a WebSocket" && status == http.StatusServiceUnavailable {
				require.ErrorIs(t, err, errNoWebSocket)
			} else {
				require.Equal(t, Failed, trouble(t, err), name)
			}
			require.Len(t, h.paths(), 1, name)
		}
	}
}

// TestNothingIsCompressed, because nothing asks for it.
func TestNothingIsCompressed(t *testing.T) {
	for name, go1 := range ways() {
		h := newHostile(t, plain)
		_ = go1(within(t, 5*time.Second), everything(t, h))
		require.Empty(t, h.last(t).Header.Values("Accept-Encoding"), name)
		require.Equal(t, "Bearer alice-token", h.last(t).Header.Get("Authorization"), name)
		require.Equal(t, agent(decision), h.last(t).Header.Get("User-Agent"), name)
	}
}

// TestNoWayTakesGiants, neither as headers nor as a body.
func TestNoWayTakesGiants(t *testing.T) {
	for name, go1 := range ways() {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Giant", strings.Repeat("x", 1<<20)) }, http1)
		require.Equal(t, TooLarge, trouble(t, go1(within(t, 5*time.Second), everything(t, h))), name)
		if name == "logs" {
			continue // the newest of them are an answer
		}
		h = newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "9000000")
			_, _ = w.Write(make([]byte, 9000000))
		})
		require.Equal(t, TooLarge, trouble(t, go1(within(t, 5*time.Second), everything(t, h))), name)
	}
}

// TestOneHost: what a library is made to ask of another host goes nowhere.
func TestOneHost(t *testing.T) {
	h, thief := newHostile(t, plain), newHostile(t, plain)
	c := everything(t, h)
	for name, go1 := range ways() {
		if name == "a library" || name == "a watch" {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, thief.URL+"/version", nil)
			require.NoError(t, err)
			_, err = c.RoundTripper(within(t, 5*time.Second)).RoundTrip(req)
			require.Equal(t, Invalid, trouble(t, err))
			continue
		}
		elsewhere := everything(t, h)
		elsewhere.entry.base.Host = strings.TrimPrefix(thief.URL, "https://")
		require.Equal(t, Invalid, trouble(t, go1(within(t, 5*time.Second), elsewhere)), name)
	}
	require.Zero(t, thief.connections.Load())
}

// TestUpgradingRecipe pins what the second transport must share with the first.
func TestUpgradingRecipe(t *testing.T) {
	e := everything(t, newHostile(t, plain)).entry
	tr := e.guard.upgrading()
	require.Same(t, tr, e.guard.upgrading())
	require.Nil(t, tr.Proxy, "loopback is exempt from proxies anyway: look at the setting")
	require.NotSame(t, tr.TLSClientConfig, e.guard.transport.TLSClientConfig, "net/http writes to it")
	require.EqualValues(t, tls.VersionTLS12, tr.TLSClientConfig.MinVersion)
	require.Equal(t, tls.RenegotiateNever, tr.TLSClientConfig.Renegotiation)
	require.Nil(t, tr.TLSClientConfig.ClientSessionCache)
	require.False(t, tr.TLSClientConfig.InsecureSkipVerify)
	require.True(t, tr.DisableKeepAlives)
	require.True(t, tr.DisableCompression)
	require.EqualValues(t, maxResponseHeaders, tr.MaxResponseHeaderBytes)
	require.True(t, tr.Protocols.HTTP1())
	require.False(t, tr.Protocols.HTTP2())
	for _, d := range []time.Duration{tr.TLSHandshakeTimeout, tr.ResponseHeaderTimeout} {
		require.Positive(t, d)
	}
}

// TestAccessRules stop each way before its request, subresources by their own
// names; discovery and questions about oneself pass.
func TestAccessRules(t *testing.T) {
	for kinds, stopped := range map[string][]string{
		"Pod":      {"plain", "write", "logs", "exec over a WebSocket", "exec over SPDY", "a library", "a watch"},
		"pods/log": {"logs"}, "pods/exec": {"exec over a WebSocket", "exec over SPDY"}, "Secret": nil,
	} {
		rules, err := access.New(access.Config{Deny: []access.Rule{{Kinds: []string{kinds}, Namespaces: []string{"team-a"}}}})
		require.NoError(t, err)
		under := func(c *Config) {
			r := Rules{Hosts: loopback(t), Access: rules, Generation: "2"}
			c.Rules = func() Rules { return r }
		}
		for name, go1 := range ways() {
			h := newHostile(t, plain)
			err := go1(within(t, 5*time.Second), everything(t, h, under))
			if !slices.Contains(stopped, name) {
				require.NotEmpty(t, h.paths(), "%s %s", kinds, name)
				continue
			}
			require.Equal(t, Denied, trouble(t, err), "%s %s", kinds, name)
			require.ErrorContains(t, err, "the operator's access rules do not let")
			require.Empty(t, h.paths(), "%s %s", kinds, name)
		}
	}
}

// TestAccessRulesLetDiscoveryPass, and what a caller asks about himself.
func TestAccessRulesLetDiscoveryPass(t *testing.T) {
	rules, err := access.New(access.Config{Deny: []access.Rule{{Kinds: []string{"*"}}}})
	require.NoError(t, err)
	h := newHostile(t, plain)
	c := clientOf(t, h, func(c *Config) {
		r := Rules{Hosts: loopback(t), Access: rules, Generation: "2"}
		c.Rules = func() Rules { return r }
	})
	ctx := within(t, 5*time.Second)
	_, err = c.ServerVersion(ctx)
	require.NoError(t, err)
	_, err = c.WhoAmI(ctx)
	require.NoError(t, err)
	for _, path := range []string{"/api", "/api/v1", "/apis", "/apis/apps/v1", "/openapi/v3", "/openapi/v3/api/v1"} {
		require.NotEqual(t, Denied, trouble(t, fetch(ctx, c, path)), path)
	}
	require.Equal(t, Denied, trouble(t, fetch(ctx, c, "/api/v1/nodes")))
}

// TestAccessRulesKnowTheKind and whether it has namespaces, where the path does
// not say it: of Kubernetes' own kinds, and of those a server told of.
func TestAccessRulesKnowTheKind(t *testing.T) {
	e := &entry{groups: map[string]*group{"example.com/v1": {page: &page{kinds: []Kind{
		{Kind: "Oxen", Resource: "oxes"}, {Kind: "Cow", Resource: "cows", Namespaced: true},
	}}}}}
	rules, err := access.New(access.Config{Deny: []access.Rule{
		{Kinds: []string{"Oxen", "PodMetrics"}}, {Namespaces: []string{"team-b"}},
	}})
	require.NoError(t, err)
	g := &guard{access: rules, learnt: e.learnt}
	for path, may := range map[string]bool{
		"/apis/example.com/v1/oxes/a":                         false,
		"/api/v1/nodes":                                       true,  // in no namespace
		"/api/v1/pods":                                        false, // in all
		"/apis/example.com/v1/cows":                           false,
		"/apis/example.com/v1/geese":                          false, // not known
		"/api/v1/namespaces/team-a/pods":                      true,
		"/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods": false, // by no plural of its kind
		"/apis/metrics.k8s.io/v1beta1/nodes":                  true,  // in no namespace
		"/api/v1/namespaces/team-b/pods/a/log":                false,
	} {
		require.Equal(t, may, g.permit(asked(t, http.MethodGet, path), 0) == nil, path)
	}
}
