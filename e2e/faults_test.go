package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const (
	faultBody = `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}},"id":"f-1"}`
	faultID   = `"f-1"`
)

// guardFault is one way in which a guard fails, and what the caller is told.
type guardFault struct {
	name string
	how  harness.Fault
	// reason is that of Envoy's answer. A guard that is silent where it has to
	// speak, or that says "continue" without its word, gets access-denied: that
	// is the RBAC filter's. Without it such a request goes on.
	reason kubeheader.Reason
}

func guardFaults() []guardFault {
	return []guardFault{
		{"closes its stream cleanly", harness.ClosesCleanly, kubeheader.ReasonAccessDenied},
		{"ends its stream with an error", harness.Errors, kubeheader.ReasonGuardUnavailable},
		{"hangs", harness.Hangs, kubeheader.ReasonGuardTimeout},
		{"answers with a wrong phase", harness.WrongPhase, kubeheader.ReasonGuardUnavailable},
		{"answers empty", harness.EmptyAnswer, kubeheader.ReasonGuardUnavailable},
		{"lets through without a verdict", harness.LetsThrough, kubeheader.ReasonAccessDenied},
	}
}

// brokenStack is Envoy between a guard that fails and a backend.
type brokenStack struct {
	*harness.Stack

	guard *harness.BrokenGuard
}

func startBroken(t *testing.T, o harness.Options) brokenStack {
	t.Helper()
	o.Dir = shortDir(t)
	guard, err := harness.NewBrokenGuard(t.Context(), filepath.Join(o.Dir, "broken.sock"), harness.Errors)
	require.NoError(t, err)
	o.Guard = guard.Address
	t.Cleanup(guard.Stop) // before startStack, so that it runs after the stack's end
	return brokenStack{startStack(t, o), guard}
}

// upstream is how many requests Envoy has sent to the backend; its health
// checks do not count.
func upstream(t *testing.T, s *harness.Stack) int {
	t.Helper()
	const name = "cluster.backend.upstream_rq_total: "
	text := fetch(t.Context(), t, new(http.Client), s.EnvoyAdmin+"/stats?filter=^cluster.backend.upstream_rq_total$")
	at := strings.Index(text, name)
	require.GreaterOrEqual(t, at, 0, "Envoy does not count what it sends to the backend")
	n, err := strconv.Atoi(strings.TrimSpace(text[at+len(name):]))
	require.NoError(t, err)
	return n
}

// fetch is GET for pages of Envoy and of the API server.
func fetch(ctx context.Context, t *testing.T, client *http.Client, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// everyWay sends the same call over both protocols, and a GET, at the same
// time, and gives each answer to want, which says what differs.
func everyWay(t *testing.T, url string, headers harness.Headers, want func(method string, res harness.Response) error) {
	t.Helper()
	headers = headers.With("MCP-Protocol-Version", "2025-11-25")
	var wg sync.WaitGroup
	failures := make(chan error, 3)
	for _, way := range []struct {
		method string
		http2  bool
	}{{http.MethodPost, false}, {http.MethodPost, true}, {http.MethodGet, false}} {
		client := newClient(t, way.http2)
		wg.Go(func() {
			var body io.Reader
			if way.method == http.MethodPost {
				body = strings.NewReader(faultBody)
			}
			res, err := client.Do(t.Context(), way.method, url, headers, body)
			if err == nil {
				err = want(way.method, res)
			}
			if err != nil {
				failures <- fmt.Errorf("%s, http2=%t: %w", way.method, way.http2, err)
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

// envoySays is the answer that Envoy gives by itself.
func envoySays(reason kubeheader.Reason) func(string, harness.Response) error {
	return func(_ string, res harness.Response) error {
		return refusal{status: http.StatusServiceUnavailable, code: -32603, reason: reason}.differs(res)
	}
}

// backendRefuses is the backend's answer to a request without a proof.
func backendRefuses(method string, res harness.Response) error {
	want := refusal{status: http.StatusOK, id: faultID, code: -32603, reason: kubeheader.ReasonProofMissing, header: kubeheader.Signature}
	if method == http.MethodGet {
		want.status, want.id = http.StatusBadRequest, ""
	}
	return want.differs(res)
}

// TestFault: whatever the guard does wrong, Envoy answers, the
// request goes nowhere, and nothing acts on it.
func TestFault(t *testing.T) {
	s := startBroken(t, harness.Options{})
	e := newEdge(t, s.Stack, shared.policy)
	alice := shared.cluster.Token("alice")
	e.nothingActed(t, func() {
		for _, f := range guardFaults() {
			t.Run(f.name, func(t *testing.T) {
				s.guard.Fail(f.how)
				asked := s.guard.Streams()
				everyWay(t, s.URL, alice, envoySays(f.reason))
				require.Equal(t, asked+3, s.guard.Streams(), "the guard was to be asked about each request")
				require.Zero(t, upstream(t, s.Stack))
			})
		}
		t.Run("is not there", func(t *testing.T) {
			s.guard.Stop()
			everyWay(t, s.URL, alice, envoySays(kubeheader.ReasonGuardUnavailable))
			require.Zero(t, upstream(t, s.Stack))
		})
	})
}

// withoutRBAC is TEST ONLY: it takes the filter that wants the guard's word out
// of the rendered configuration. What is left is what a guard that closes its
// stream cleanly would meet in front of a proxy without such a filter.
func withoutRBAC(text []byte) ([]byte, error) {
	const begin, end = "          # Envoy lets a request through when", "          - name: envoy.filters.http.router\n"
	before, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return nil, errors.New("the RBAC filter is not where this test looks for it")
	}
	edited := bytes.Join([][]byte{before, []byte(end), after}, nil)
	if len(envoy.Lint(edited)) == 0 {
		return nil, errors.New("the linter finds nothing to say about a configuration without the RBAC filter")
	}
	return edited, nil
}

// TestFaultWithoutRBAC: the second layer holds alone. Where Envoy lets
// an unchecked request go on, the backend refuses it for want of a proof; also
// when the caller has sent a genuine one, which Envoy strips.
func TestFaultWithoutRBAC(t *testing.T) {
	s := startBroken(t, harness.Options{EditEnvoy: withoutRBAC})
	e := newEdge(t, s.Stack, shared.policy)
	alice := shared.cluster.Token("alice")
	e.nothingActed(t, func() {
		for _, f := range guardFaults() {
			t.Run(f.name, func(t *testing.T) {
				s.guard.Fail(f.how)
				before := upstream(t, s.Stack)
				if f.reason != kubeheader.ReasonAccessDenied {
					everyWay(t, s.URL, alice, envoySays(f.reason))
					require.Equal(t, before, upstream(t, s.Stack))
					return
				}
				everyWay(t, s.URL, alice, backendRefuses)
				everyWay(t, s.URL, e.now(t, alice), backendRefuses)
				require.Equal(t, before+6, upstream(t, s.Stack), "the hole that this test is about is not open")
			})
		}
		t.Run("is not there", func(t *testing.T) {
			s.guard.Stop()
			before := upstream(t, s.Stack)
			everyWay(t, s.URL, alice, envoySays(kubeheader.ReasonGuardUnavailable))
			require.Equal(t, before, upstream(t, s.Stack))
		})
	})
}

// TestFaultBeforeAnOpenBackend: the first layer holds alone. Even a
// backend that asks for no proof is not reached.
func TestFaultBeforeAnOpenBackend(t *testing.T) {
	open := harness.NewOpenBackend()
	t.Cleanup(open.Stop)
	s := startBroken(t, harness.Options{Backend: open.Address})
	genuine := newEdge(t, s.Stack, shared.policy).now(t, shared.cluster.Token("alice"))
	for _, f := range guardFaults() {
		t.Run(f.name, func(t *testing.T) {
			s.guard.Fail(f.how)
			everyWay(t, s.URL, genuine, envoySays(f.reason))
			require.Empty(t, open.Calls())
		})
	}
	t.Run("is not there", func(t *testing.T) {
		s.guard.Stop()
		everyWay(t, s.URL, genuine, envoySays(kubeheader.ReasonGuardUnavailable))
		require.Empty(t, open.Calls())
	})
	require.Zero(t, upstream(t, s.Stack))
}

// recovery is how long a request may still fail after the guard is back: two
// health checks of Envoy's and some room.
const recovery = 10 * time.Second

var errNotYet = errors.New("not yet")

// decodeUser is the user in whoami's answer, or an error for any other answer.
func decodeUser(res harness.Response) (string, error) {
	var rpc struct {
		Result struct {
			Structured struct {
				Username string `json:"username"`
			} `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(res.Message(), &rpc); err != nil {
		return "", err
	}
	if rpc.Result.Structured.Username == "" {
		return "", errNotYet
	}
	return rpc.Result.Structured.Username, nil
}
