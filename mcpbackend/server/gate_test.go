package server

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

// canaryBytes are in every bad request below and in no answer.
const canaryBytes = "CANARY"

// TestGate: what go-sdk would answer in plain text, each in its era.
func TestGate(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	const list = `{"jsonrpc":"2.0","id":"` + canaryBytes + `","method":"tools/list"}`
	large := `,"x":"` + strings.Repeat("a", maxRequest) + `"}`
	text := func(f fault) string { return f.text }
	for name, row := range map[string]struct {
		header map[string]string
		body   string
		legacy int // status of the answer to a legacy client
		modern int // 0: not sent as one
		id     bool
		says   string
	}{
		"content type":         {map[string]string{"Content-Type": "text/" + canaryBytes}, list, 200, 400, true, text(faultContentType)},
		"no content type":      {map[string]string{"Content-Type": ""}, list, 200, 400, true, text(faultContentType)},
		"accept":               {map[string]string{"Accept": "text/" + canaryBytes}, list, 200, 400, true, text(faultAccept)},
		"last event":           {map[string]string{"Last-Event-Id": canaryBytes}, list, 200, 400, true, text(faultMessage)},
		"unsupported version":  {map[string]string{versionHeader: "1999-01-01"}, list, 400, 0, true, text(faultVersion)},
		"too large, id first":  {nil, strings.TrimSuffix(list, "}") + large, 200, 400, true, text(faultTooLarge)},
		"too large, id last":   {nil, `{"x":"` + strings.Repeat("a", maxRequest) + `","id":"` + canaryBytes + `"}`, 400, 400, false, text(faultTooLarge)},
		"empty":                {nil, "", 400, 400, false, text(faultNotJSON)},
		"white space":          {nil, " \n", 400, 400, false, text(faultNotJSON)},
		"not JSON":             {nil, "{" + canaryBytes, 400, 400, false, text(faultNotJSON)},
		"a string":             {nil, `"` + canaryBytes + `"`, 400, 400, false, text(faultNotJSON)},
		"null":                 {nil, `null`, 400, 400, false, text(faultNotJSON)},
		"two messages":         {nil, list + list, 400, 400, false, text(faultNotJSON)},
		"a batch and garbage":  {nil, "[" + list + "]x", 400, 400, false, text(faultNotJSON)},
		"broken batch":         {nil, "[" + list + "," + canaryBytes + "]", 400, 400, false, text(faultNotJSON)},
		"unfinished batch":     {nil, "[" + list, 400, 400, false, text(faultNotJSON)},
		"empty batch":          {nil, "[]", 400, 400, false, text(faultMessage)},
		"wrong jsonrpc":        {nil, `{"jsonrpc":"` + canaryBytes + `","id":"` + canaryBytes + `","method":"tools/list"}`, 200, 400, true, text(faultMessage)},
		"no such method":       {nil, `{"jsonrpc":"2.0","id":"` + canaryBytes + `","method":"no/` + canaryBytes + `"}`, 200, 0, true, text(faultUnknownMethod)},
		"no such notification": {nil, `{"jsonrpc":"2.0","method":"no/` + canaryBytes + `"}`, 400, 400, false, text(faultUnknownMethod)},
		"no params":            {nil, `{"jsonrpc":"2.0","id":"` + canaryBytes + `","method":"tools/call"}`, 200, 400, true, text(faultMessage)},
		"null id":              {nil, `{"jsonrpc":"2.0","id":null,"method":"tools/list"}`, 400, 400, false, text(faultID)},
		"id of a notification": {nil, `{"jsonrpc":"2.0","id":"` + canaryBytes + `","method":"notifications/initialized"}`, 200, 400, true, text(faultMessage)},
	} {
		for version, status := range map[string]int{"": row.legacy, "2025-06-18": row.legacy, "2026-07-28": row.modern} {
			if status == 0 || version != "" && row.header[versionHeader] != "" {
				continue
			}
			t.Run(name+" "+version, func(t *testing.T) {
				header := map[string]string{versionHeader: version}
				maps.Copy(header, row.header)
				resp, body := w.send(t, api, http.MethodPost, header, row.body)
				require.Equal(t, status, resp.StatusCode, body)
				requireRefusal(t, resp, body, row.id, row.says)
			})
		}
	}
	require.Empty(t, api.asked())
	require.NotContains(t, w.logs.String(), canaryBytes)
}

// send posts what the test wrote, as alice. A header that is "" is not sent.
func (w *world) send(t *testing.T, api *brokenAPI, method string, header map[string]string, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range header {
		if req.Header.Set(name, value); value == "" {
			req.Header.Del(name)
		}
	}
	resp, err := w.httpClient(t, api.headers("alice-token"), true).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(answer)
}

// requireRefusal checks the form of a rejection: JSON-RPC, the request's id or
// none, a sentence, data, headers, and no byte of the request.
func requireRefusal(t *testing.T, resp *http.Response, body string, id bool, says string) {
	t.Helper()
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, decision, resp.Header.Get("X-Request-ID"))
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &m), body)
	if id {
		require.Equal(t, canaryBytes, m["id"])
	} else {
		require.NotContains(t, m, "id")
	}
	delete(m, "id")
	rest, err := json.Marshal(m)
	require.NoError(t, err)
	require.NotContains(t, string(rest), canaryBytes)
	failure := m["error"].(map[string]any)
	require.Equal(t, says, failure["message"])
	code := jsonrpc.InvalidParams
	if says == faultUnknownMethod.text {
		code = methodNotFound
	}
	require.EqualValues(t, code, failure["code"])
	data := failure["data"].(map[string]any)
	require.Equal(t, decision, data["decision"])
	require.Equal(t, []any{map[string]any{"reason": data["reason"], "header": data["header"], "message": says}}, data["problems"])
	require.NotEmpty(t, data["reason"])
}

// TestGateLeavesWhatIsProper: what go-sdk answers in JSON stays as it is, and
// other methods get the status that MCP asks for.
func TestGateLeavesWhatIsProper(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	modern := map[string]string{versionHeader: "2026-07-28", "Mcp-Method": "no/method"}
	resp, body := w.send(t, api, http.MethodPost, modern, message("2026-07-28", "no/method", `{}`))
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.Contains(t, body, `"code":-32601`)
	require.Contains(t, body, `"id":"one"`)
	resp, body = w.send(t, api, http.MethodPost, map[string]string{versionHeader: "2027-01-01", "Mcp-Method": "tools/list"}, message("2027-01-01", "tools/list", `{}`))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, body, `"code":-32022`)
	resp, body = w.send(t, api, http.MethodPost, nil, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Empty(t, body)
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
		resp, body = w.send(t, api, method, nil, "")
		require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
		require.Equal(t, "POST", resp.Header.Get("Allow"))
		requireRefusal(t, resp, body, false, faultHTTPMethod.text)
	}
}

// TestUnreadableVersion is a legacy client's to the edge, and so to the backend.
func TestUnreadableVersion(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	const call = `{"jsonrpc":"2.0","id":"one","method":"tools/call","params":{"name":"whoami","arguments":{}}}`
	for _, version := range []string{"garbage", "9", "2026-7-28", "2026-07-28x", "2026-13-45", "DRAFT-2026-v1", "2026-07-28, 2026-07-28"} {
		resp, body := w.send(t, api, http.MethodPost, map[string]string{versionHeader: version}, call)
		require.Equal(t, http.StatusOK, resp.StatusCode, version)
		require.Contains(t, body, "User: alice", version)
	}
	resp, body := w.send(t, api, http.MethodPost, map[string]string{versionHeader: "v999.0.0", "Mcp-Method": "tools/list"},
		message("v999.0.0", "tools/list", `{}`))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
	require.Contains(t, body, `"code":-32022`, "a modern client is told which versions there are")
	require.Contains(t, body, `"requested":"v999.0.0"`)
	two := http.Header{versionHeader: {"2026-07-28", "2026-07-28"}}
	dropUnreadableVersion(two, nil)
	require.Empty(t, two)
	one := http.Header{versionHeader: {"2026-07-28"}}
	dropUnreadableVersion(one, nil)
	require.Equal(t, []string{"2026-07-28"}, one.Values(versionHeader))
}

// TestBatchLimit: one request starts at most as many calls as the edge answers
// one by one.
func TestBatchLimit(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	const call = `{"name":"whoami","arguments":{}}`
	require.Contains(t, faultBatchTooLarge.text, " "+strconv.Itoa(jsonrpc.MaxBatch)+" ")
	require.Contains(t, faultTooLarge.text, " "+strconv.Itoa(maxRequest>>20)+" MiB")
	for _, n := range []int{jsonrpc.MaxBatch + 1, 2000} {
		resp, body := w.send(t, api, http.MethodPost, nil, batch(n, call))
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
		requireRefusal(t, resp, body, false, faultBatchTooLarge.text)
		require.Contains(t, body, `"reason":"request-too-large"`)
	}
	require.Empty(t, w.logs.lines(t, "tool call"))
	require.Len(t, w.logs.lines(t, "message refused"), 2)
	resp, body := w.send(t, api, http.MethodPost, nil, batch(jsonrpc.MaxBatch, call))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, jsonrpc.MaxBatch, strings.Count(body, "User: alice"))
	resp, body = w.send(t, api, http.MethodPost, map[string]string{versionHeader: "2025-06-18"}, batch(2, call))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, strings.HasPrefix(body, `[{"jsonrpc":"2.0","id":1,"error":`), body)
	require.Equal(t, 4, strings.Count(body, faultBatch.text), "two entries, each with a message and a problem")
}

// TestSlowBody: a body that does not come in time is an answer in the form of
// every other, and names no address.
func TestSlowBody(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	srv := newHTTPServer(w.handler, w.limits, nil, w.options.Log)
	srv.ReadTimeout = 50 * time.Millisecond
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	defer func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}()
	w.url = "http://" + listener.Addr().String()
	for _, h2 := range []bool{false, true} {
		reader, writer := io.Pipe()
		go func() {
			_, _ = io.WriteString(writer, `{"jsonrpc":"2.0","id":"`+canaryBytes+`","method":"tools/list",`)
		}()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", reader)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		resp, err := w.httpClient(t, api.headers("alice-token"), h2).Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, writer.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		requireRefusal(t, resp, string(body), true, faultSlow.text)
		require.NotContains(t, string(body), "127.0.0.1")
	}
}

// TestEnvoyEndsSlowBodies before the backend would, and the backend's limits
// leave time for the call after one that was nearly too slow.
func TestEnvoyEndsSlowBodies(t *testing.T) {
	config, err := os.ReadFile("../../envoy/bootstrap.yaml")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^ +request_timeout: (\S+)$`).FindAllSubmatch(config, -1)
	require.NotEmpty(t, found)
	w := newWorld(t, nil)
	srv := newHTTPServer(nil, w.limits, nil, w.options.Log)
	for _, f := range found {
		limit, err := time.ParseDuration(string(f[1]))
		require.NoError(t, err)
		require.Greater(t, srv.ReadTimeout, limit+10*time.Second)
		require.Greater(t, srv.WriteTimeout, limit+callWait+w.limits.CallTimeout)
	}
}
