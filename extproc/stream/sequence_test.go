package stream

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// sequences is how many streams are played unless -rapid.checks says otherwise.
const sequences = "2000"

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", sequences); err != nil {
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}

// TestSequences plays streams, most of them illegal somewhere, and compares what
// the guard did with the model. Each is also held against the rules that no
// model may get wrong.
func TestSequences(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := draw(rt)
		want, got := expect(p), play(t, p)
		rules(rt, p, got)
		require.Equal(rt, want.answers, kinds(got.steps), "other answers than the model's")
		require.Equal(rt, want.end.String(), got.end.String(), "another end than the model's")
		require.Equal(rt, want.took, got.took, "another time than the model's")
		require.Equal(rt, want.calls, got.calls, "the observer heard other things than the model's")
		for _, s := range got.steps {
			if s.sent.GetImmediateResponse() != nil {
				requireError(rt, p, want.id, s.sent.GetImmediateResponse())
			}
		}
	})
}

// kinds names what was sent.
func kinds(steps []step) (out []string) {
	for _, s := range steps {
		switch {
		case s.sent == nil:
		case s.sent.GetImmediateResponse() != nil:
			out = append(out, "error")
		case s.sent.GetModeOverride() != nil:
			out = append(out, "strip")
		default:
			out = append(out, "accept")
		}
	}
	return out
}

// rules are what has to hold for every stream, whoever is wrong about the rest.
func rules(t require.TestingT, p plan, got trace) {
	unanswered, owed, refused := 0, false, false
	for _, s := range got.steps {
		require.False(t, refused, "nothing is read or sent after an immediate response")
		if s.sent == nil {
			require.Zero(t, unanswered, "a message is read while another is unanswered")
			unanswered++
			continue
		}
		refused = s.sent.GetImmediateResponse() != nil
		require.True(t, unanswered == 1 || owed && refused, "two answers to one message")
		unanswered = 0
		owed = s.sent.GetModeOverride() != nil
		requireSaid(t, s.sent, got)
		if kinds([]step{s})[0] != "accept" {
			requireStripped(t, p, s.sent)
		}
	}
	if got.end == codes.OK {
		require.Zero(t, unanswered, "a clean close lets an unanswered message pass")
		require.False(t, owed, "a clean close lets a rejected request pass")
	}
	require.LessOrEqual(t, got.took, 2*time.Hour)
	require.Zero(t, got.left, "a goroutine still reads the stream")
	require.Equal(t, map[bool]int{true: 1}[p.crowded], got.places, "a place is kept")
	require.NotContains(t, got.logs, canary, "a value is logged")
	require.LessOrEqual(t, strings.Count(got.logs, `"msg":"request rejected"`), 1)
	requireHeard(t, p, got)
}

// requireHeard: each request that was read has one outcome, once.
func requireHeard(t require.TestingT, p plan, got trace) {
	requests := 0
	for _, s := range got.steps {
		if strings.HasPrefix(s.received, "headers") && requests == 0 {
			requests = 1
		}
	}
	decided, failed := got.calls["decided"], got.calls["failed"]
	require.Len(t, got.events, decided)
	for _, e := range got.events {
		allowed := p.engine == "allow" || p.engine == "report"
		require.Equal(t, allowed, e.Allowed)
		require.Equal(t, !allowed, e.Reason != 0)
		require.Equal(t, map[string]int{"reject": 1, "reject much": 2}[p.engine], e.Problems)
		require.Equal(t, p.engine == "report", len(e.Reported) == 1)
		require.Equal(t, allowed && p.think == 0, e.Cached)
		require.Equal(t, p.think, e.Took)
	}
	require.LessOrEqual(t, decided+failed, requests)
	if decided+failed == 0 && got.calls["panicked"] == 0 && len(got.steps) > 0 && got.steps[0].received != "" {
		require.False(t, strings.HasPrefix(got.steps[0].received, "headers"), "nobody heard of a request")
	}
}

// requireSaid: what Envoy is told is what the observer heard.
func requireSaid(t require.TestingT, sent *extprocv3.ProcessingResponse, got trace) {
	require.Len(t, got.events, 1, "an answer without one verdict, or with several")
	heard := got.events[0]
	word := map[bool]string{true: "allow", false: "reject"}[heard.Allowed]
	reason := ""
	if !heard.Allowed {
		reason = heard.Reason.String()
		require.NotEqual(t, "accept", kinds([]step{{sent: sent}})[0])
	}
	require.Equal(t, map[string]any{MetadataNamespace: map[string]any{
		"verdict": word, "reason": reason, "credential": heard.Credential, "decision": heard.Decision,
	}}, sent.GetDynamicMetadata().AsMap(), "Envoy is told what the observer did not hear")
}

// mustNotPass are the names that a rejected request must not keep.
func mustNotPass(lines []*corev3.HeaderValue) []string {
	out := []string{
		"kubernetes-server", "kubernetes-certificate-authority-data", "kubernetes-authorization", "kubernetes-client-certificate-data",
		"kubernetes-client-key-data", "kubernetes-insecure-skip-tls-verify", "kubernetes-tls-server-name", "kubernetes-namespace",
		"kubernetes-toolsets", "signature", "signature-input", "x-kubernetes-fingerprint",
	}
	for _, l := range lines {
		if strings.HasPrefix(strings.ToLower(l.GetKey()), "kubernetes") {
			out = append(out, l.GetKey())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// requireStripped: no answer to a rejected request leaves or sets a header that
// the backend could act on.
func requireStripped(t require.TestingT, p plan, sent *extprocv3.ProcessingResponse) {
	mutation := sent.GetImmediateResponse().GetHeaders()
	if sent.GetImmediateResponse() == nil {
		mutation = sent.GetRequestHeaders().GetResponse().GetHeaderMutation()
		removed := slices.Sorted(slices.Values(mutation.GetRemoveHeaders()))
		require.Equal(t, mustNotPass(p.lines), removed, "a rejected request keeps a header")
		require.True(t, proto.Equal(wholeOverride(), sent.GetModeOverride()), "the body is not asked for")
		require.LessOrEqual(t, len(removed), maxRemovals)
	}
	for _, o := range mutation.GetSetHeaders() {
		name := o.GetHeader().GetKey()
		require.NotContains(t, mustNotPass(p.lines), name, "a rejected request is given a header")
		require.NotContains(t, string(o.GetHeader().GetRawValue()), canary)
	}
}

// wholeOverride has all six fields, as allowed_override_modes does.
func wholeOverride() *filterv3.ProcessingMode {
	return &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, ResponseHeaderMode: filterv3.ProcessingMode_SKIP,
		RequestBodyMode: filterv3.ProcessingMode_BUFFERED_PARTIAL, ResponseBodyMode: filterv3.ProcessingMode_NONE,
		RequestTrailerMode: filterv3.ProcessingMode_SEND, ResponseTrailerMode: filterv3.ProcessingMode_SKIP,
	}
}

// requireError: the body is a JSON-RPC error with this id, or several.
func requireError(t require.TestingT, p plan, ids string, sent *extprocv3.ImmediateResponse) {
	method := string(p.lines[0].GetRawValue())
	dated := func(l *corev3.HeaderValue) bool { return string(l.GetRawValue()) == "2026-07-28" }
	modern := slices.ContainsFunc(p.lines, dated) && len(slices.Collect(filter(p.lines, dated))) == 1
	if method != "POST" || strings.Contains(ids, ",") && modern {
		ids = ""
	}
	status := 200
	if ids == "" || modern {
		status = 400
	}
	require.Equal(t, status, int(sent.GetStatus().GetCode()))
	require.NotContains(t, string(sent.GetBody()), canary)
	require.NotContains(t, string(sent.GetBody()), `"id":null`, "an id that breaks clients")
	var many []struct {
		ID json.RawMessage `json:"id"`
	}
	text := sent.GetBody()
	if !strings.Contains(ids, ",") {
		text = []byte("[" + string(text) + "]")
	}
	require.NoError(t, json.Unmarshal(text, &many))
	got := make([]string, 0, len(many))
	for _, one := range many {
		got = append(got, string(one.ID))
	}
	require.Equal(t, ids, strings.Join(got, ","))
}

func filter[T any](in []T, keep func(T) bool) func(func(T) bool) {
	return func(yield func(T) bool) {
		for _, v := range in {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}
