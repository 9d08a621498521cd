package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// oldest is the oldest Envoy that is supported. The others are tested with what
// make chose, the newest.
const oldest = "1.36.4"

// newestRows are the faults in front of the newest Envoy, in the order of the page.
func newestRows(slow func() *slowServer) []row {
	return append(slices.Concat(guardRows(), networkRows(), fileRows(), clockRows(), deafRows()), slowCallRow("newest", slow))
}

// oldestRows are those in front of the oldest.
func oldestRows(slow func() *slowServer) []row {
	return []row{slowCallRow("oldest", slow), missingClusterRow()}
}

// stage is a lab, with an API server beside it that answers late.
func stage(t *testing.T, envoy harness.Binaries) (*lab, func() *slowServer) {
	t.Helper()
	slow := newSlowServer(t)
	return newLab(t, labOptions{envoy: envoy, servers: []string{slow.URL}}), func() *slowServer { return slow }
}

// TestFaults: whatever fails, nobody's request is acted on unchecked, everybody
// is told in JSON-RPC, and all is well again soon after.
func TestFaults(t *testing.T) {
	l, slow := stage(t, harness.Binaries{})
	for _, r := range newestRows(slow) {
		t.Run(subtest(r), func(t *testing.T) { r.play(t, l) })
	}
}

// TestFaultsOnTheOldestEnvoy are those in which versions have differed.
func TestFaultsOnTheOldestEnvoy(t *testing.T) {
	old, err := world.Binaries.WithEnvoy(oldest)
	require.NoError(t, err)
	l, slow := stage(t, old)
	for _, r := range oldestRows(slow) {
		t.Run(subtest(r), func(t *testing.T) { r.play(t, l) })
	}
}

// subtest is a row's name without what separates subtests.
func subtest(r row) string { return strings.ReplaceAll(r.name, "/", " ") }

// missingClusterRow is an Envoy whose guard is a cluster that does not exist,
// beside the whole one. Versions before 1.39 were reported to let requests
// through for that. It ends with the configuration.
func missingClusterRow() row {
	return row{
		name: "no cluster for the guard, oldest Envoy", expected: "503 until the configuration is mended",
		strike: func(s *scene) time.Time {
			bare := s.options
			bare.edit = withoutGuardCluster
			streams := s.streams(s.t, goodCallers(s.t))
			lost := make([]calls, 0, len(streams))
			for _, c := range streams {
				backend := s.backAt
				if c.witnessed {
					backend = s.witness.address
				}
				c.url = s.startEnvoy(s.t, backend, bare).URL
				lost = append(lost, c)
			}
			f := startFlow(s.t, silent(), lost...)
			(&scene{lab: s.lab, t: s.t, flow: f}).failures(many)
			f.Stop()
			require.Zero(s.t, f.Counts().good+f.Counts().rejected, "a guard that is nowhere was asked")
			s.flow.include(f)
			return time.Now()
		},
	}
}

// withoutGuardCluster names a cluster that is not there.
func withoutGuardCluster(config []byte) ([]byte, error) {
	out, err := replaced(config, "envoy_grpc: {cluster_name: guard}", "envoy_grpc: {cluster_name: nowhere}")
	if err != nil {
		return nil, fmt.Errorf("the guard's cluster: %w", err)
	}
	return out, nil
}
