package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// TestCounts: what a few calls of each outcome leave.
func TestCounts(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-answer
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status"}`))
	})
	w := newWorld(t, api)
	_, series := w.scrape(t)
	s := w.session(t, api.headers("alice-token"))
	require.Equal(t, "0", series(`kube_backend_calls_total{outcome="ok",tool="whoami",trouble="none"}`), "from the start")
	require.Equal(t, "0", series("kube_backend_calls_under_way"))

	ok(t, s, "whoami", nil)
	ok(t, s, "whoami", nil)
	_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "CANARY"})
	require.Error(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
		done <- err
	}()
	<-arrived
	require.Equal(t, "1", series("kube_backend_calls_under_way"))
	close(answer)
	require.NoError(t, <-done)
	w.post(t, nil, "", "{")
	for name, want := range map[string]string{
		`calls_total{outcome="ok",tool="whoami",trouble="none"}`:                      "2",
		`calls_total{outcome="rejected",tool="unknown",trouble="not-offered"}`:        "1",
		`calls_total{outcome="tool-error",tool="resources_list",trouble="forbidden"}`: "1",
		`call_duration_seconds_count{tool="whoami"}`:                                  "2",
		`calls_under_way`: "0",
		`api_requests_total{status="4xx",verb="list"}`:      "1",
		`api_requests_total{status="2xx",verb="review"}`:    "2",
		`api_request_duration_seconds_count{verb="review"}`: "2",
		`client_lookups_total{result="miss"}`:               "1",
		`client_lookups_total{result="hit"}`:                "2",
		`clients`:                                           "1",
		`client_evictions_total{cause="policy"}`:            "0",
		`requests_refused_total{reason="bad-request"}`:      "1",
		`requests_refused_total{reason="proof-missing"}`:    "0",
	} {
		require.Equal(t, want, series(prefix+name), name)
	}
	require.NotEqual(t, "0", series("kube_backend_client_bytes"))
	resp, err := bare(t, false).Post(w.url+"/mcp", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "1", series(`kube_backend_requests_refused_total{reason="proof-missing"}`))
	w.clients.Forget()
	// The pool counts what it lets go of a moment later.
	require.Eventually(t, func() bool { return series(`kube_backend_client_evictions_total{cause="policy"}`) == "1" }, 5*time.Second, time.Millisecond)
}

// TestWaitsAreCounted, once for each limit that they wait for.
func TestWaitsAreCounted(t *testing.T) {
	var waits []string
	s := newShares(1, 1, func(limit string) { waits = append(waits, limit) })
	s.wait = time.Millisecond
	give := hold(t, s, "alice", 1)
	_, over := s.take(t.Context(), "alice")
	require.Equal(t, limitCaller, over)
	_, over = s.take(t.Context(), "bob")
	require.Equal(t, limitAll, over)
	give()
	hold(t, s, "bob", 1)()
	require.Equal(t, []string{limitCaller, limitAll}, waits)
}

// registry has what a backend keeps.
func registry(t *testing.T, c *counts) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewRegistry()
	for _, kept := range c.collectors() {
		require.NoError(t, r.Register(kept))
	}
	return r
}

// TestNoFloodMakesASeries: whatever is counted, labels have values from closed
// lists, and their number has an end.
func TestNoFloodMakesASeries(t *testing.T) {
	names, err := catalog()
	require.NoError(t, err)
	c := newCounts(names.Names())
	audit := &auditor{log: newWorld(t, nil).options.Log, known: names.Known, counts: c}
	var flood sync.WaitGroup
	for worker := range 4 {
		flood.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 2000 {
				text := fmt.Sprintf("m4rker-%d-%d\"}\n", worker, i)
				_, _ = audit.audited(func(ctx context.Context, _ string, _ mcp.Request) (mcp.Result, error) {
					tool.Note(ctx, text)
					return &mcp.CallToolResult{IsError: true}, nil
				})(t.Context(), methodCallTool, &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: text}})
				c.asked(kube.Verbs()[random.IntN(len(kube.Verbs()))], random.IntN(2000)-500, time.Duration(random.Int64()))
				c.refused(kubeheader.Reason(random.IntN(256)))
				c.busy(limits()[random.IntN(len(limits()))])
			}
		})
	}
	flood.Wait()
	words := map[string]bool{unknownTool: true, noTrouble: true, otherTrouble: true}
	for _, list := range [][]string{names.Names(), limits(), kube.Verbs(), {outcomeOK, outcomeToolError, outcomeRejected, outcomePanic}} {
		for _, word := range list {
			words[word] = true
		}
	}
	for word := range c.troubles {
		words[word] = true
	}
	for _, r := range kubeheader.Reasons() {
		words[r.String()] = true
	}
	class := regexp.MustCompile(`^([1-5]xx|none)$`)
	families, err := registry(t, c).Gather()
	require.NoError(t, err)
	series := 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			series++
			for _, l := range m.GetLabel() {
				require.True(t, words[l.GetValue()] || class.MatchString(l.GetValue()), "%s{%s=%q}", family.GetName(), l.GetName(), l.GetValue())
			}
		}
	}
	require.Less(t, series, 300)
}

// TestTroubleWords: the list is whole, so that no word of kube's counts as other.
func TestTroubleWords(t *testing.T) {
	words := troubleWords()
	for _, word := range []string{"expired", "garbled", "denied", "busy", "read-only", "anonymous", "arguments", "internal"} {
		require.True(t, words[word], word)
	}
	require.False(t, words["unknown"])
}

// TestMetricsAreCleanByThePrometheusLinter, those that are read included.
func TestMetricsAreCleanByThePrometheusLinter(t *testing.T) {
	w := newWorld(t, nil)
	r := registry(t, w.counts)
	require.NoError(t, r.Register(collector{w.backend}))
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestHistogramsHaveBothKinds of buckets: classic ones, and native ones for who
// scrapes them.
func TestHistogramsHaveBothKinds(t *testing.T) {
	c := newCounts([]string{"whoami"})
	c.ended("whoami", outcomeOK, "", 30*time.Millisecond)
	families, err := registry(t, c).Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != prefix+keptTook {
			continue
		}
		h := family.GetMetric()[1].GetHistogram()
		require.EqualValues(t, 1, h.GetSampleCount())
		require.Len(t, h.GetBucket(), len(callBuckets()))
		require.NotEmpty(t, h.GetPositiveSpan())
		return
	}
	require.Fail(t, "no histogram")
}
