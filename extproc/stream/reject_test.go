package stream

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/testing/protocmp"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// answered is an ImmediateResponse as a client would see it.
type answered struct {
	Status  int               `json:"-"`
	Headers map[string]string `json:"-"`
	Details string            `json:"-"`
	ID      json.RawMessage   `json:"id"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason   string            `json:"reason"`
			Header   string            `json:"header"`
			Decision string            `json:"decision"`
			Problems []json.RawMessage `json:"problems"`
		} `json:"data"`
	} `json:"error"`
}

func immediate(tb testing.TB, m *extprocv3.ProcessingResponse) answered {
	tb.Helper()
	response := m.GetImmediateResponse()
	require.NotNil(tb, response)
	require.Nil(tb, response.GetGrpcStatus())
	a := answered{Status: int(response.GetStatus().GetCode()), Headers: map[string]string{}, Details: response.GetDetails()}
	require.NoError(tb, json.Unmarshal(response.GetBody(), &a))
	for _, option := range response.GetHeaders().GetSetHeaders() {
		requireOverwrite(tb, option)
		a.Headers[option.GetHeader().GetKey()] = string(option.GetHeader().GetRawValue())
	}
	return a
}

// requireOverwrite holds every header mutation to raw_value alone, and append
// and append_action unset.
func requireOverwrite(tb testing.TB, option *corev3.HeaderValueOption) {
	tb.Helper()
	require.Empty(tb, option.GetHeader().GetValue())
	want := &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: option.GetHeader().GetKey(), RawValue: option.GetHeader().GetRawValue()}}
	require.Empty(tb, cmp.Diff(want, option, protocmp.Transform()))
}

func requireMetadata(tb testing.TB, m *extprocv3.ProcessingResponse, want map[string]any) {
	tb.Helper()
	require.Equal(tb, map[string]any{MetadataNamespace: want}, m.GetDynamicMetadata().AsMap())
}

var rejectMetadata = map[string]any{"verdict": "reject", "reason": "credential-missing", "credential": "", "decision": decision}

func TestRejectStripsAndAsksForTheBody(t *testing.T) {
	g := start(t, rejecting())
	c := g.open()
	c.send(headers(false, post(
		line("kubernetes-server", "https://api.example.com"), line("kubernetes-server", "https://b.example.com"),
		line("kubernetes_server", "x"), line("kubernetes-unheard-of", "x"), line("kubernetesx", "x"),
		line("mcp-protocol-version", "2025-06-18"),
	)...))
	got := c.receive()
	mutation := got.GetRequestHeaders().GetResponse().GetHeaderMutation()
	require.Empty(t, mutation.GetSetHeaders())
	want := append(kubeheader.Names(), "kubernetes_server", "kubernetes-unheard-of", "kubernetesx",
		"signature", "signature-input", "x-kubernetes-fingerprint")
	require.ElementsMatch(t, want, mutation.GetRemoveHeaders())
	require.Empty(t, cmp.Diff(&filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, ResponseHeaderMode: filterv3.ProcessingMode_SKIP,
		RequestBodyMode: filterv3.ProcessingMode_BUFFERED_PARTIAL, ResponseBodyMode: filterv3.ProcessingMode_NONE,
		RequestTrailerMode: filterv3.ProcessingMode_SEND, ResponseTrailerMode: filterv3.ProcessingMode_SKIP,
	}, got.GetModeOverride(), protocmp.Transform()))
	require.Equal(t, extprocv3.CommonResponse_CONTINUE, got.GetRequestHeaders().GetResponse().GetStatus())
	requireMetadata(t, got, rejectMetadata)
	c.send(body([]byte(`{"jsonrpc":"2.0","method":"tools/call","id":7}`), true))
	got = c.receive()
	a := immediate(t, got)
	require.Equal(t, "7", string(a.ID))
	require.Equal(t, http.StatusOK, a.Status)
	require.Equal(t, jsonrpc.InvalidParams, a.Error.Code)
	require.Equal(t, kubeheader.ReasonCredentialMissing.Problem(kubeheader.Authorization).Message, a.Error.Message)
	require.Equal(t, "credential-missing", a.Error.Data.Reason)
	require.Equal(t, kubeheader.Authorization, a.Error.Data.Header)
	require.Equal(t, decision, a.Error.Data.Decision)
	require.Len(t, a.Error.Data.Problems, 1)
	require.Equal(t, "credential-missing", a.Details)
	wantHeaders := map[string]string{"x-request-id": decision}
	for _, h := range jsonrpc.Headers() {
		wantHeaders[h[0]] = h[1]
	}
	require.Equal(t, wantHeaders, a.Headers)
	require.Equal(t, "application/json", a.Headers["content-type"])
	require.Equal(t, "no-store", a.Headers["cache-control"])
	requireMetadata(t, got, rejectMetadata)
	c.closed()
	require.NoError(t, g.end())
}

// TestRejectAnswers are the messages that may follow a rejection.
func TestRejectAnswers(t *testing.T) {
	const call = `{"jsonrpc":"2.0","method":"tools/call","params":{},"id":"a-1"}`
	for name, row := range map[string]struct {
		version string
		message *extprocv3.ProcessingRequest
		status  int
		id      string
	}{
		"body":                       {"2025-06-18", body([]byte(call), true), http.StatusOK, `"a-1"`},
		"modern body":                {"2026-07-28", body([]byte(call), true), http.StatusBadRequest, `"a-1"`},
		"whole body before trailers": {"2025-06-18", body([]byte(call), false), http.StatusOK, `"a-1"`},
		"cut before the id":          {"2025-06-18", body([]byte(call[:30]), false), http.StatusBadRequest, ""},
		"cut, though said complete":  {"2025-06-18", body([]byte(call[:30]), true), http.StatusBadRequest, ""},
		"cut after the id":           {"2025-06-18", body([]byte(`{"jsonrpc":"2.0","id":"a-1","method":"m","params":{`), false), http.StatusOK, `"a-1"`},
		"broken after the id":        {"2025-06-18", body([]byte(`{"jsonrpc":"2.0","id":"a-1","method":"m","params":{`), true), http.StatusBadRequest, ""},
		"empty body":                 {"2025-06-18", body(nil, true), http.StatusBadRequest, ""},
		"trailers without data":      {"2025-06-18", trailers(), http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, rejecting())
			c := g.open()
			c.send(headers(false, post(line("mcp-protocol-version", row.version))...))
			require.NotNil(t, c.receive().GetModeOverride())
			c.send(row.message)
			got := c.receive()
			a := immediate(t, got)
			require.Equal(t, row.status, a.Status)
			require.Equal(t, row.id, string(a.ID))
			require.Equal(t, decision, a.Error.Data.Decision)
			requireMetadata(t, got, rejectMetadata)
			c.closed()
			require.NoError(t, g.end())
		})
	}
}

func TestRejectAtOnceWithoutBody(t *testing.T) {
	g := start(t, rejecting())
	c := g.open()
	c.send(headers(true, line(":method", "GET"), line("x-request-id", decision)))
	got := c.receive()
	a := immediate(t, got)
	require.Equal(t, http.StatusBadRequest, a.Status)
	require.Empty(t, a.ID)
	require.Equal(t, decision, a.Error.Data.Decision)
	require.Nil(t, got.GetModeOverride())
	requireMetadata(t, got, rejectMetadata)
	c.closed()
	require.NoError(t, g.end())
}

// TestRejectAtOnceWhenThereIsTooMuchToStrip guards against a mutation that
// Envoy would fail for its length, which no client could read.
func TestRejectAtOnceWhenThereIsTooMuchToStrip(t *testing.T) {
	lines := post()
	for i := range maxRemovals {
		lines = append(lines, line("kubernetes-"+strings.Repeat("x", i+1), "x"))
	}
	g := start(t, rejecting())
	c := g.open()
	c.send(headers(false, lines...))
	require.Empty(t, immediate(t, c.receive()).ID)
	c.closed()
	require.NoError(t, g.end())
}

func TestBodyThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, rejecting(), func(c *Config) { c.Limits = Limits{} })
		c := g.open()
		began := time.Now()
		c.rejected()
		got := c.receive() // unsolicited
		require.Equal(t, DefaultBodyTimeout, time.Since(began))
		a := immediate(t, got)
		require.Equal(t, http.StatusBadRequest, a.Status)
		require.Empty(t, a.ID)
		require.Equal(t, "credential-missing", a.Error.Data.Reason)
		requireMetadata(t, got, rejectMetadata)
		c.closed()
		require.NoError(t, g.end())
	})
}

func TestNoDeadlineWhileNothingIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, rejecting(), func(c *Config) { c.Limits = Limits{} })
		c := g.open()
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock: no time passes
		require.NotNil(t, c.rejected().GetModeOverride())
		time.Sleep(DefaultBodyTimeout - time.Nanosecond) //nolint:forbidigo // the bubble's clock
		c.send(body([]byte(`{"id":1,"method":"m"}`), true))
		require.Equal(t, "1", string(immediate(t, c.receive()).ID))
		require.NoError(t, g.end())
	})
}

func TestBigBodies(t *testing.T) {
	for _, mib := range []int{1, 3, 24} {
		padding := strings.Repeat("x", mib<<20)
		g := start(t, rejecting())
		c := g.open()
		c.rejected()
		c.send(body([]byte(`{"jsonrpc":"2.0","method":"tools/call","params":{"x":"`+padding+`"},"id":"last"}`), true))
		require.Equal(t, `"last"`, string(immediate(t, c.receive()).ID))
		c.closed()
		c = g.open()
		c.rejected()
		c.send(body([]byte(`{"jsonrpc":"2.0","id":"first","method":"tools/call","params":{"x":"`+padding), false))
		a := immediate(t, c.receive())
		require.Equal(t, `"first"`, string(a.ID), "an id before the cut is still good")
		c.closed()
	}
}

func TestOneLogLinePerRejection(t *testing.T) {
	g := start(t, rejecting())
	c := g.open()
	c.rejected()
	c.send(body(nil, true))
	c.receive()
	c.closed()
	require.NoError(t, g.end())
	lines := slices.Collect(strings.Lines(g.logs.String()))
	require.Len(t, lines, 1)
	var entry map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &entry))
	delete(entry, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "request rejected", "decision": decision,
		"reason": "credential-missing", "problems": 1.0, "header": kubeheader.Authorization,
	}, entry)
}
