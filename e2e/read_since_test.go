package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
)

// TestReadLogsSince: older lines than since are left out, by the kubelets of the
// embedded cluster, whose lines are all old, and by the stand-in, which has some
// of each age.
func TestReadLogsSince(t *testing.T) {
	s, stack := measuredStack(t)
	client := rig.NewClient(t, true)
	for _, c := range shared.Callers() {
		kept, web := reading(t, c.Headers), podOf(t, c, "web")
		text, out := kept.ok(t, "pods_log", args{"name": web, "namespace": c.Namespace, "since": "1h"})
		require.Equal(t, "# 0 log lines of pod "+web+" in namespace "+c.Namespace+", since 1h\n", text)
		require.InDelta(t, 0, out["lines"], 0)
		text, _ = kept.ok(t, "pods_log", args{"labelSelector": "app=web", "namespace": c.Namespace, "since": "1h"})
		require.Equal(t, "# 0 log lines of 2 pods matching app=web in namespace "+c.Namespace+", since 1h\n", text)

		r := reader{client, stack.URL, s.headers(c.Headers)}
		of := func(in args) string {
			in["name"], in["namespace"] = "aged", c.Namespace
			text, _ := r.ok(t, "pods_log", in)
			return text
		}
		head := func(count string) string { return "# " + count + " log lines of pod aged in namespace " + c.Namespace }
		require.Equal(t, head("3")+"\nof yesterday\nof an hour ago\nof now\n", of(args{}))
		require.Equal(t, head("3")+", since 1d\nof yesterday\nof an hour ago\nof now\n", of(args{"since": "1d"}))
		require.Equal(t, head("2")+", since 90m\nof an hour ago\nof now\n", of(args{"since": "90m"}))
		require.Equal(t, head("1")+", since 30s\nof now\n", of(args{"since": "30s"}))
		for _, wrong := range []string{"yesterday", "-5m", "0s", "1", "2026-01-02T03:04:05Z"} {
			text := r.mistake(t, "pods_log", args{"name": "aged", "namespace": c.Namespace, "since": wrong})
			require.Contains(t, text, "since is how long ago, such as 30s, 10m, 2h or 1d.", wrong)
		}
	}
}
