package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// wireRun is one case with one kind of headers.
type wireRun struct {
	wireCase

	run string
	// decisions of the answers that tell of a tool call.
	acted []string
	err   error
}

func (r *wireRun) String() string { return strings.TrimSuffix(r.name+"/"+r.run, "/") }

// slow says that the run waits for the edge's patience to end, or for a
// connection to be closed, which Envoy does after a second.
func (r *wireRun) slow() bool {
	for _, s := range r.steps {
		if w := s.wants[r.run]; w.after > 0 || w.then == "closed" {
			return true
		}
	}
	return false
}

// TestWire plays testdata/wire against the real stack. What is slow is played at
// the same time; all else one by one, so that a tool call too many has a name.
func TestWire(t *testing.T) {
	cases, err := readWireCases("testdata/wire")
	require.NoError(t, err)
	require.NoError(t, onThisEnvoy(cases))
	var slow []*wireRun
	for _, c := range cases {
		for _, run := range c.runs {
			r := &wireRun{wireCase: c, run: run}
			if r.slow() {
				slow = append(slow, r)
				continue
			}
			playWire(t, r)
		}
	}
	t.Run("together", func(t *testing.T) { playWire(t, slow...) })
}

// TestWireStripped: an Envoy that does not honour the mode override, and has none
// of the other filters of its configuration, sends a rejected request on. Nothing
// is left in it that a backend could act on, and no proof.
func TestWireStripped(t *testing.T) {
	open := harness.NewOpenBackend()
	t.Cleanup(open.Stop)
	s := shared.StartStack(t, harness.Options{Backend: open.Address, EditEnvoy: withoutOverride})
	headers := shared.Cluster.Token("alice").Plus("kubernetes-canary", "1").Plus("kubernetes_server", "1").
		Plus("kubernetes", "1").Plus("Signature", "1").Plus("Signature-Input", "1").Plus("X-Kubernetes-Fingerprint", "1").Plus("X-Other", "1")
	_, err := rig.NewClient(t, false).Post(t.Context(), s.URL, headers, wireCall("7"))
	require.NoError(t, err)
	calls := open.Calls()
	require.Len(t, calls, 1, "the hole that this test is about is not open")
	require.Equal(t, "1", calls[0].Get("X-Other"))
	for _, h := range calls[0] {
		name := strings.ToLower(h.Name)
		require.False(t, kubeheader.Claims(name) || strings.HasPrefix(name, "signature") || name == kubeheader.Fingerprint,
			"%s went on with a rejected request", h.Name)
	}
}

// withoutOverride is TEST ONLY: it takes all that helps the guard out of the
// rendered configuration: the mode override, RBAC, and the early removal of what
// only the edge may set.
func withoutOverride(text []byte) ([]byte, error) {
	const honours, removes = "allow_mode_override: true", "- remove: "
	if bytes.Count(text, []byte(honours)) != 1 || bytes.Count(text, []byte(removes)) == 0 {
		return nil, errors.New("the configuration is not as this test knows it")
	}
	text = bytes.Replace(text, []byte(honours), []byte("allow_mode_override: false"), 1)
	return withoutRBAC(bytes.ReplaceAll(text, []byte(removes+`"`), []byte(removes+`"x-nobody-`)))
}

// playWire plays runs at the same time and counts what reached the backend.
func playWire(t *testing.T, runs ...*wireRun) {
	t.Helper()
	u, err := url.Parse(shared.Stack.URL)
	require.NoError(t, err)
	rig.AwaitLog(t, shared.Stack)
	before, requests := wireCalls(), rig.Upstream(t, shared.Stack)
	var wg sync.WaitGroup
	for _, r := range runs {
		wg.Go(func() { r.err = r.play(t, u.Host) })
	}
	wg.Wait()
	name := "played together"
	if len(runs) == 1 {
		name = runs[0].String()
	}
	wantRequests, wantCalls := 0, 0
	rig.AwaitLog(t, shared.Stack)
	after := wireCalls()
	for _, r := range runs {
		t.Run(r.String(), func(t *testing.T) { require.NoError(t, r.err) })
		for _, s := range r.steps {
			wantRequests += s.wants[r.run].upstream
			wantCalls += s.wants[r.run].calls
		}
		for _, decision := range r.acted {
			if after[decision] != 1 {
				t.Errorf("%s: the backend's log has %d tool calls of %s, not 1", r, after[decision], decision)
			}
		}
	}
	if got := rig.Upstream(t, shared.Stack) - requests; got != wantRequests {
		t.Errorf("%s: %d requests went on to the backend, not %d", name, got, wantRequests)
	}
	if got := wireSum(after) - wireSum(before); got != wantCalls {
		t.Errorf("%s: the backend acted on %d tool calls, not on %d", name, got, wantCalls)
	}
}

// wireCalls counts the backend's audit lines by decision.
func wireCalls() map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(string(shared.Stack.MCPBackend.Output())) {
		if !strings.Contains(line, `"msg":"tool call"`) {
			continue
		}
		_, rest, _ := strings.Cut(line, `"decision":"`)
		decision, _, _ := strings.Cut(rest, `"`)
		out[decision]++
	}
	return out
}

func wireSum(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// play sends each step and compares what comes. An error shows the answer, which
// holds no value that was sent.
func (r *wireRun) play(t *testing.T, address string) error {
	t.Helper()
	dial := newWireHTTP1
	if r.steps[0].http2 {
		dial = newWireHTTP2
	}
	c, err := dial(t.Context(), address)
	if err != nil {
		return err
	}
	defer c.close()
	for i, s := range r.steps {
		if err := r.step(c, s, s.wants[r.run]); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *wireRun) step(c wireConn, s wireStep, want wireWant) error {
	begin := time.Now()
	if err := c.send(s.send, r.run); err != nil {
		return err
	}
	for i, answer := range want.answers {
		got, err := c.receive(answer.empty)
		if err != nil {
			return fmt.Errorf("answer %d: %w", i+1, err)
		}
		if err := answer.differs(got); err != nil {
			return fmt.Errorf("answer %d: %w\n%d %v\n%.2000s", i+1, err, got.Status, got.Header, got.Body)
		}
		if answer.user != "" {
			r.acted = append(r.acted, got.Header.Get("X-Request-ID"))
		}
	}
	if took := time.Since(begin); took < want.after || took > want.within {
		return fmt.Errorf("it took %v, not %v to %v", took, want.after, want.within)
	}
	switch want.then {
	case "open":
		return c.open()
	case "closed":
		return c.closed()
	}
	return nil
}
