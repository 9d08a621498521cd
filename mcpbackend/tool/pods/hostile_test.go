package pods

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// TestHostileAnswersStaySmall: whatever a server sends, the answer is short, soon
// there and cheap. The bound on what is allocated counts the server's side too,
// and has room for the race detector, under which regular expressions allocate
// ten times as much.
func TestHostileAnswersStaySmall(t *testing.T) {
	const megabyte = 1 << 20
	logs := func(in podsLogIn) func(context.Context, *kube.Client) (string, any, error) {
		in.Namespace = "team-a"
		return func(ctx context.Context, c *kube.Client) (string, any, error) { return anyOf(podLog(ctx, c, in)) }
	}
	grep := logs(podsLogIn{Name: "web", Grep: "(a|b|aa)*c$"})
	top := func(ctx context.Context, c *kube.Client) (string, any, error) {
		return anyOf(podTop(ctx, c, podsTopIn{Namespace: "team-a"}))
	}
	happen := func(ctx context.Context, c *kube.Client) (string, any, error) {
		return anyOf(events(ctx, c, eventsListIn{Namespace: "team-a", Limit: 500}, time.Now()))
	}
	stats := func(ctx context.Context, c *kube.Client) (string, any, error) {
		return anyOf(nodeStats(ctx, c, nodesStatsIn{Name: "node-1"}))
	}
	list := func(item string, n int) string {
		return `{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
	}
	for name, test := range map[string]struct {
		path, body string
		call       func(context.Context, *kube.Client) (string, any, error)
	}{
		"a log of empty lines":       {logPath, strings.Repeat("\n", 4*megabyte), grep},
		"a log of one line":          {logPath, strings.Repeat("a", 4*megabyte), grep},
		"a log of letters":           {logPath, strings.Repeat(strings.Repeat("a", 1000)+"\n", 1<<10), grep},
		"a log of escapes":           {logPath, strings.Repeat("\x1b]", 2*megabyte), grep},
		"a log of halves of tokens":  {logPath, strings.Repeat("eyJaaaaaaaa.eyJaaaaaaaa ", 160<<10), grep},
		"a log of wrapped text":      {logPath, strings.Repeat("abcdefghijklmnop\n", 240<<10), grep},
		"a log without a pattern":    {logPath, strings.Repeat("a\n", 2*megabyte), logs(podsLogIn{Name: "web"})},
		"pods of many containers":    {measuredPods, list(`{"containers":[`+strings.TrimSuffix(strings.Repeat(`{"name":"a"},`, 50), ",")+`]}`, 1000), top},
		"pods with names of kibs":    {measuredPods, list(`{"metadata":{"name":"`+strings.Repeat("x", 7000)+`"}}`, 1000), top},
		"events of megabytes":        {eventsPath, list(`{"message":"`+strings.Repeat("m ", 7000)+`"}`, 500), happen},
		"events beyond the limit":    {eventsPath, list(`{}`, 100_000), happen},
		"a node of two million pods": {kubeletPath + "/stats/summary", `{"pods":[` + strings.TrimSuffix(strings.Repeat("{},", 2_000_000), ",") + `]}`, stats},
		"pods to read logs of":       {selectedPath, list(podNamed(strings.Repeat("p", 7000), strings.Repeat("c", 60)), 1000), logs(podsLogIn{LabelSelector: "a"})},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := brokenapi.Visit(t, map[string]string{test.path: test.body})
			ctx := brokenapi.Soon(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			text, out, err := test.call(ctx, c)
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			t.Logf("%d MiB, %v, %d bytes, %v", (after.TotalAlloc-before.TotalAlloc)>>20, took, len(text), err)
			require.NoError(t, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(512<<20))
			require.Less(t, took, 20*time.Second)
			require.Less(t, len(text), 80<<10)
			structured, err := json.Marshal(out)
			require.NoError(t, err)
			require.Less(t, len(structured), 16<<10)
		})
	}
}

func anyOf[T any](text string, out T, err error) (string, any, error) { return text, out, err }
