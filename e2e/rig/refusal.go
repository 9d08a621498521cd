package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Refusal is what a rejection has to say.
type Refusal struct {
	Status int
	ID     string // raw JSON; "" for an answer without the member
	Code   int
	Reason kubeheader.Reason
	Header string // "*" for any
}

// Check looks at everything that a person and a client get to see.
func (want Refusal) Check(tb testing.TB, res harness.Response) {
	tb.Helper()
	require.NoError(tb, want.Differs(res))
}

// Differs says how an answer is not the one that is wanted, without showing it.
func (want Refusal) Differs(res harness.Response) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(res.Body, &members); err != nil {
		return fmt.Errorf("status %d, and the body is no JSON object: %w", res.Status, err)
	}
	rpc, err := res.RPC()
	if err != nil || rpc.Error == nil {
		return fmt.Errorf("status %d, and the body is no JSON-RPC error", res.Status)
	}
	id, hasID := members["id"]
	data := rpc.Error.Data
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"reason", data.Reason, want.Reason.String()},
		{"status", res.Status, want.Status},
		{"jsonrpc", string(members["jsonrpc"]), `"2.0"`},
		{"has an id", hasID, want.ID != ""},
		{"id", string(id), want.ID},
		{"code", rpc.Error.Code, want.Code},
		{"result", string(members["result"]), ""},
		{"content type", res.Header.Get("Content-Type"), "application/json"},
		{"cache control", res.Header.Get("Cache-Control"), "no-store"},
		{"origin", res.Header.Get("Access-Control-Allow-Origin"), "*"},
		{"WWW-Authenticate", res.Header.Get("WWW-Authenticate"), ""},
		{"session", res.Header.Get("Mcp-Session-Id"), ""},
		{"form of the decision", jsonrpc.ValidDecision(data.Decision), true},
		{"decision", res.Header.Get("X-Request-ID"), data.Decision},
		{"first problem", len(data.Problems) > 0 && data.Problems[0].Reason == data.Reason, true},
		{"a message", rpc.Error.Message != "" && !strings.Contains(rpc.Error.Message, "401") && !strings.Contains(rpc.Error.Message, "404"), true},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s: %v, not %v (reason %s)", c.what, c.got, c.want, data.Reason)
		}
	}
	if want.Header != "*" && data.Header != want.Header {
		return fmt.Errorf("header: %q, not %q", data.Header, want.Header)
	}
	return nil
}

// fromEnvoy is Envoy's own answer when the guard fails.
func fromEnvoy(reason kubeheader.Reason) Refusal {
	return Refusal{Status: http.StatusServiceUnavailable, Code: -32603, Reason: reason}
}

// EnvoySays wants the answer that Envoy gives by itself, for EveryWay.
func EnvoySays(reason kubeheader.Reason) func(string, harness.Response) error {
	return func(_ string, res harness.Response) error { return fromEnvoy(reason).Differs(res) }
}

// BackendRefuses wants the backend's answer to a Call without a proof, for EveryWay.
func BackendRefuses(method string, res harness.Response) error {
	want := Refusal{Status: http.StatusOK, ID: CallID, Code: -32603, Reason: kubeheader.ReasonProofMissing, Header: kubeheader.Signature}
	if method == http.MethodGet {
		want.Status, want.ID = http.StatusBadRequest, ""
	}
	return want.Differs(res)
}

// Ways is how many requests EveryWay sends.
const Ways = 3

// EveryWay sends Call over both protocols, and a GET, at the same time, and gives
// each answer to want, which says what differs.
func EveryWay(tb testing.TB, url string, headers harness.Headers, want func(method string, res harness.Response) error) {
	tb.Helper()
	headers = headers.With("MCP-Protocol-Version", "2025-11-25")
	var wg sync.WaitGroup
	failures := make(chan error, Ways)
	for _, way := range [Ways]struct {
		method string
		http2  bool
	}{{http.MethodPost, false}, {http.MethodPost, true}, {http.MethodGet, false}} {
		client := NewClient(tb, way.http2)
		wg.Go(func() {
			var body io.Reader
			if way.method == http.MethodPost {
				body = strings.NewReader(Call)
			}
			res, err := client.Do(tb.Context(), way.method, url, headers, body)
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
		tb.Error(err)
	}
}
