package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDiscovery: whatever a server says, no name of it can steer a path, and
// there is no more of it than the limits say.
func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(coreV1))
	f.Add([]byte(aggregatedApps))
	f.Add([]byte(discovery(offered("example.com", []string{"v1", "../v2"}, found("Widget", "widgets")))["GET /apis"]))
	f.Add([]byte(old(2)["GET /apis"]))
	f.Add([]byte(old(2)["GET /api"]))
	f.Add([]byte(`{"items":[{"metadata":{"name":"../x"},"versions":[{"version":"..","resources":null}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func([]byte) (*page, error){
			readAggregated,
			func(b []byte) (*page, error) { return readGroup(b, "example.com", "v1") },
		} {
			p, err := read(body)
			require.Equal(t, err == nil, p != nil)
			if err != nil {
				continue
			}
			require.LessOrEqual(t, len(p.kinds), maxResources)
			for _, k := range p.kinds {
				require.True(t, ValidKind(k.Kind))
				for _, s := range k.path("team-a") {
					require.True(t, validSubdomain(s), s)
				}
				for _, s := range k.short {
					require.True(t, validLabel(s), s)
				}
				again, ok := (&group{page: p}).find(k.Resource)
				require.True(t, ok)
				require.True(t, again.named(k.Resource))
			}
		}
		names, _, legacy := readRoot(body)
		require.True(t, legacy || names == nil)
		for _, n := range names {
			require.True(t, ValidAPIVersion(apiVersion(n.group, n.version)), n)
		}
	})
}
