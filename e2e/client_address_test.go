package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
)

// TestClientAddress: the backend hears whose address a call came from by a header
// that Envoy writes and a client cannot: with a trusted proxy in front it is what
// that one says, without any it is the connection's.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for hops, want := range map[uint32]string{0: "127.0.0.1", 1: "203.0.113.9"} {
		open := harness.NewOpenBackend()
		defer open.Stop()
		s := shared.StartStack(t, harness.Options{Backend: open.Address, Envoy: func(c *envoy.Config) { c.TrustedHops = hops }})
		headers := shared.Cluster.Token("alice").Plus("X-Envoy-External-Address", "198.51.100.1").
			Plus("x-envoy-external-address", "198.51.100.2").Plus("X-Forwarded-For", "192.0.2.1, 203.0.113.9")
		for _, http2 := range []bool{false, true} {
			_, err := rig.NewClient(t, http2).Post(t.Context(), s.URL, asClient(headers, ""), rig.Call)
			require.NoError(t, err)
		}
		calls := open.Calls()
		require.Len(t, calls, 2)
		for _, call := range calls {
			var said []string
			for _, h := range call {
				if h.Name == "X-Envoy-External-Address" {
					said = append(said, h.Value)
				}
			}
			require.Equal(t, []string{want}, said, "with %d trusted hops", hops)
		}
	}
}
