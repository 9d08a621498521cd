package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The origin that TestCORS allows, and one that it does not.
const (
	goodOrigin  = "https://app.example.com"
	otherOrigin = "https://app.example.com.evil.example.com"
)

// preflight asks as a browser does before it sends our headers.
func preflight(t *testing.T, client *harness.Client, url, origin string) harness.Response {
	t.Helper()
	got, err := client.Do(t.Context(), http.MethodOptions, url, harness.Headers{
		{Name: "Origin", Value: origin},
		{Name: "Access-Control-Request-Method", Value: http.MethodPost},
		{Name: "Access-Control-Request-Headers", Value: "content-type,kubernetes-authorization,kubernetes-server,mcp-protocol-version"},
	}, nil)
	require.NoError(t, err)
	return got
}

// tokens are the members of a header that lists names.
func tokens(value string) []string {
	var out []string
	for name := range strings.SplitSeq(value, ",") {
		out = append(out, strings.ToLower(strings.TrimSpace(name)))
	}
	return out
}

// TestCORS: a page of an allowed origin may call and can read all that comes
// back, rejections and Envoy's own answers included; a page of another origin is
// told nothing that lets it.
func TestCORS(t *testing.T) {
	s := shared.StartStack(t, harness.Options{
		PolicyExtra: "origins: [" + goodOrigin + "]\n",
		Envoy:       func(c *envoy.Config) { c.CORS.Origins = []string{goodOrigin} },
	})
	alice := shared.Cluster.Token("alice")
	readable := func(t *testing.T, header http.Header) {
		t.Helper()
		require.Equal(t, []string{goodOrigin}, header.Values("Access-Control-Allow-Origin"))
		require.Contains(t, tokens(header.Get("Access-Control-Expose-Headers")), "x-request-id")
		require.Contains(t, tokens(strings.Join(header.Values("Vary"), ",")), "origin")
		require.Empty(t, header.Values("Access-Control-Allow-Credentials"))
	}
	for name, http2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			client := rig.NewClient(t, http2)
			t.Run("question from the allowed origin", func(t *testing.T) {
				before := rig.Upstream(t, s)
				got := preflight(t, client, s.URL, goodOrigin)
				require.Equal(t, http.StatusOK, got.Status)
				require.Equal(t, []string{goodOrigin}, got.Header.Values("Access-Control-Allow-Origin"))
				require.Subset(t, tokens(got.Header.Get("Access-Control-Allow-Methods")), []string{"post", "get", "delete"})
				require.Subset(t, tokens(got.Header.Get("Access-Control-Allow-Headers")), append(kubeheader.Names(),
					"content-type", "authorization", "last-event-id", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"))
				require.Equal(t, "600", got.Header.Get("Access-Control-Max-Age"))
				require.Contains(t, tokens(strings.Join(got.Header.Values("Vary"), ",")), "origin")
				require.Equal(t, before, rig.Upstream(t, s))
			})
			t.Run("question from another origin", func(t *testing.T) {
				before := rig.Upstream(t, s)
				refused(t, preflight(t, client, s.URL, otherOrigin))
				got, err := client.Do(t.Context(), http.MethodOptions, s.URL, nil, nil)
				require.NoError(t, err)
				refused(t, got) // no origin at all
				require.Equal(t, before, rig.Upstream(t, s))
			})
			t.Run("call", func(t *testing.T) {
				got, err := client.Post(t.Context(), s.URL, asClient(alice, "").With("Origin", goodOrigin), rig.Call)
				require.NoError(t, err)
				user, err := rig.DecodeUser(got)
				require.NoError(t, err)
				require.Equal(t, "alice", user)
				readable(t, got.Header)
			})
			t.Run("rejection", func(t *testing.T) {
				got, err := client.Post(t.Context(), s.URL, asClient(alice, "").With("Origin", goodOrigin).With(kubeheader.Server, "http://x"), rig.Call)
				require.NoError(t, err)
				rpc, err := got.RPC()
				require.NoError(t, err)
				require.Equal(t, rig.CallID, string(rpc.ID))
				require.NotNil(t, rpc.Error)
				readable(t, got.Header)
			})
			t.Run("rejection elsewhere", func(t *testing.T) {
				got, err := client.Post(t.Context(), s.URL, asClient(alice, "").With("Origin", otherOrigin).With(kubeheader.Server, "http://x"), rig.Call)
				require.NoError(t, err)
				require.Equal(t, []string{"*"}, got.Header.Values("Access-Control-Allow-Origin"), "it holds nothing that was sent")
			})
		})
	}
	s.Extproc.Kill()
	got, err := rig.NewClient(t, false).Post(t.Context(), s.URL, asClient(alice, "").With("Origin", goodOrigin), rig.Call)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, got.Status)
	readable(t, got.Header)
}

// refused wants a question's refusal, in a sentence, with nothing that allows.
func refused(t *testing.T, got harness.Response) {
	t.Helper()
	rig.Refusal{Status: http.StatusBadRequest, Code: -32603, Reason: kubeheader.ReasonPreflightRefused}.Check(t, got)
	for _, name := range []string{"Access-Control-Allow-Headers", "Access-Control-Allow-Methods"} {
		require.Empty(t, got.Header.Values(name), name)
	}
}

// TestCORSIsOffAsShipped: no page of another origin may call.
func TestCORSIsOffAsShipped(t *testing.T) {
	refused(t, preflight(t, rig.NewClient(t, true), shared.Stack.URL, goodOrigin))
}
