package e2e

import (
	"fmt"
	"testing"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/trial"
)

// TestConnectionsAreReplacedUnderLoad: both programs replace Envoy's connections
// again and again, so that none outlives what its certificate was believed for,
// and no call fails by that.
func TestConnectionsAreReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	const times = 5 // each worker's connection to the guard, and those to the backend
	dir, authority := shared.ShortDir(t), trial.NewAuthority(t)
	guard := newWire(t, dir, "guard", authority, welcome(t, authority))
	backend := newWire(t, dir, "backend", authority, welcome(t, authority))
	s := shared.StartStack(t, harness.Options{
		GuardTLS: &guard.LinkTLS, BackendTLS: &backend.LinkTLS,
		PolicyExtra: "limits: {guard: {drain: 500ms, connectionAge: 1s}, backend: {connectionAge: 1s}}\n",
	})
	traffic := shared.StartTraffic(t, rig.Load{URL: s.URL, Each: 2})
	traffic.More(t, &traffic.Good)
	handshakes := func(cluster string) int { return rig.EnvoyStat(t, s, "cluster."+cluster+".ssl.handshake") }
	atFirst := map[string]int{"guard": handshakes("guard"), "backend": handshakes("backend")}
	rig.Eventually(t, func() error {
		for cluster, n := range atFirst {
			if more := handshakes(cluster) - n; more < 2*times {
				return fmt.Errorf("%d connections to the %s were replaced", more, cluster)
			}
		}
		return nil
	})
	faultless(t, traffic, "connections of a second")
}
