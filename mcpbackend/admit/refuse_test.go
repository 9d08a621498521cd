package admit

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

type answer struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason   string            `json:"reason"`
			Header   string            `json:"header"`
			Problems []json.RawMessage `json:"problems"`
			Decision string            `json:"decision"`
		} `json:"data"`
	} `json:"error"`
}

// TestRefuses: every reason of the proof and one of the policy, what the caller
// reads, what the log says, and that nothing gets past.
func TestRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil  func(h *house, header http.Header)
		code   int
		reason kubeheader.Reason
		header string
	}{
		"no headers at all": {func(_ *house, header http.Header) { clear(header) }, jsonrpc.InternalError, kubeheader.ReasonProofMissing, "signature"},
		"no signature":      {func(_ *house, header http.Header) { header.Del("Signature") }, jsonrpc.InternalError, kubeheader.ReasonProofMissing, "signature"},
		"another value": {func(_ *house, header http.Header) {
			header.Set(kubeheader.Namespace, "team-b")
		}, jsonrpc.InternalError, kubeheader.ReasonProofInvalid, "signature"},
		"an added header": {func(_ *house, header http.Header) {
			header.Set(kubeheader.Toolsets, "core")
		}, jsonrpc.InternalError, kubeheader.ReasonProofInvalid, kubeheader.Toolsets},
		"an added header outside the contract": {func(_ *house, header http.Header) {
			header.Set("Kubernetes-Canary-Impersonate", "bob")
		}, jsonrpc.InternalError, kubeheader.ReasonProofInvalid, kubeheader.AnyHeader},
		"a second line": {func(_ *house, header http.Header) {
			header.Add(kubeheader.Namespace, "team-b")
		}, jsonrpc.InternalError, kubeheader.ReasonProofInvalid, kubeheader.Namespace},
		"too late": {func(h *house, _ http.Header) {
			h.handler = New(Config{Verifier: h.verifier, Log: h.logger(), Now: func() time.Time { return noon.Add(time.Minute) }})(h.room)
		}, jsonrpc.InternalError, kubeheader.ReasonProofExpired, "signature"},
		"a foreign key": {func(h *house, header http.Header) {
			newEdge(t).seal(t, header, false)
			header.Set(kubeheader.CertificateAuthority, h.ca)
		}, jsonrpc.InternalError, kubeheader.ReasonProofUnknownKey, "signature"},
		"the backend's policy": {func(h *house, _ http.Header) {
			*h.policy = kubeheader.Policy{Hosts: h.policy.Hosts}
		}, jsonrpc.InvalidParams, kubeheader.ReasonTokenNotAllowed, kubeheader.Authorization},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			r := post(call)
			h.seal(t, r.Header, false)
			tc.spoil(h, r.Header)
			r.Header.Set(requestID, decision)
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)

			require.Equal(t, http.StatusOK, w.Code)
			var got answer
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.JSONEq(t, `"seven"`, string(got.ID))
			require.Equal(t, tc.code, got.Error.Code)
			require.Equal(t, tc.reason.String(), got.Error.Data.Reason)
			require.Equal(t, tc.header, got.Error.Data.Header)
			require.Equal(t, decision, got.Error.Data.Decision)
			require.NotEmpty(t, got.Error.Data.Problems)
			require.Empty(t, h.room.callers)

			var line map[string]any
			require.NoError(t, json.Unmarshal(h.log.Bytes(), &line), "one line")
			delete(line, "time")
			require.Equal(t, map[string]any{
				"level": "WARN", "msg": "request refused",
				"decision": decision, "reason": tc.reason.String(), "header": tc.header,
			}, line)
			for _, canary := range []string{"canary", h.ca[:40], "team-b", "bob"} {
				require.NotContains(t, h.log.String(), canary)
				require.NotContains(t, w.Body.String(), canary)
			}
			for header := range r.Header {
				require.False(t, ours(header), "%s is still there for whoever wraps the door", header)
			}
		})
	}
}

// TestAnswers is the table of the design: status and id by mode and era.
func TestAnswers(t *testing.T) {
	const notification = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	big := `{"jsonrpc":"2.0","method":"x","params":"` + strings.Repeat("x", maxBody) + `","id":1}`
	for name, tc := range map[string]struct {
		method, version, body string
		status                int
		id                    string
	}{
		"legacy":                {http.MethodPost, "", call, 200, `"seven"`},
		"legacy by version":     {http.MethodPost, "2025-11-25", call, 200, `"seven"`},
		"modern":                {http.MethodPost, "2026-07-28", call, 400, `"seven"`},
		"a number":              {http.MethodPost, "", `{"id":12345678901234567890,"method":"x"}`, 200, `12345678901234567890`},
		"notification":          {http.MethodPost, "", notification, 400, ""},
		"no JSON":               {http.MethodPost, "", "hello", 400, ""},
		"no body":               {http.MethodPost, "", "", 400, ""},
		"GET":                   {http.MethodGet, "", "", 400, ""},
		"DELETE":                {http.MethodDelete, "", "", 400, ""},
		"OPTIONS":               {http.MethodOptions, "", "", 400, ""},
		"GET with a body":       {http.MethodGet, "", call, 400, ""},
		"id behind the bound":   {http.MethodPost, "", big, 400, ""},
		"id before the bound":   {http.MethodPost, "", `{"id":1,` + big[1:len(big)-len(`,"id":1}`)] + "}", 200, "1"},
		"batch":                 {http.MethodPost, "", "[" + call + "]", 200, "batch"},
		"batch in a modern era": {http.MethodPost, "2026-07-28", "[" + call + "]", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			r := httptest.NewRequest(tc.method, "/mcp", strings.NewReader(tc.body))
			if tc.version != "" {
				r.Header.Set("Mcp-Protocol-Version", tc.version)
			}
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)

			require.Equal(t, tc.status, w.Code)
			for _, field := range append(jsonrpc.Headers(), [2]string{"cache-control", "no-store"}, [2]string{"access-control-allow-origin", "*"}) {
				require.Equal(t, field[1], w.Header().Get(field[0]))
			}
			require.Empty(t, w.Header().Get("WWW-Authenticate"))
			if tc.id == "batch" {
				var all []answer
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &all))
				require.Len(t, all, 1)
				return
			}
			var got answer
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.Equal(t, tc.id, string(got.ID))
			require.Equal(t, kubeheader.ReasonProofMissing.String(), got.Error.Data.Reason)
		})
	}
}

// countingBody tells how much of it was read.
type countingBody struct{ read int }

func (b *countingBody) Read(p []byte) (int, error) {
	b.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBodyIsBounded(t *testing.T) {
	h := newHouse(t)
	body := &countingBody{}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/mcp", body))
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.LessOrEqual(t, body.read, 2*maxBody, "an endless body")

	body = &countingBody{}
	h.handler.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/mcp", body))
	require.Zero(t, body.read, "only a POST has an id to look for")
}

// TestSlowBody: a caller that does not send its body is answered all the same.
func TestSlowBody(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(New(Config{Verifier: h.verifier, BodyTimeout: 20 * time.Millisecond})(h.room))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	_, err = io.WriteString(connection, "POST /mcp HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n{\"id\":1,")
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
	start := make([]byte, len("HTTP/1.1 "))
	_, err = io.ReadFull(connection, start)
	require.NoError(t, err)
}

// stub answers Open with what it holds.
type stub struct {
	verified proof.Verified
	err      error
}

func (s stub) Open([]kubeheader.Field, time.Time) (proof.Verified, error) { return s.verified, s.err }

// TestNothingElseIsTrusted: the zero Verified is no proof, a proof beside an
// error is none either, and an unknown error's text stays inside.
func TestNothingElseIsTrusted(t *testing.T) {
	h := newHouse(t)
	r := post(call)
	h.seal(t, r.Header, false)
	good, err := h.verifier.Open(takeFields(r), noon)
	require.NoError(t, err)
	for _, opener := range []stub{{}, {err: errors.New("canary")}, {verified: good, err: errors.New("canary")}} {
		w := httptest.NewRecorder()
		New(Config{Verifier: opener, Log: h.logger()})(h.room).ServeHTTP(w, post(call))
		require.Contains(t, w.Body.String(), kubeheader.ReasonProofInvalid.String())
		require.NotContains(t, w.Body.String()+h.log.String(), "canary")
		require.Empty(t, h.room.callers)
	}
	w := httptest.NewRecorder()
	New(Config{Verifier: stub{verified: good}})(h.room).ServeHTTP(w, post(call))
	require.Equal(t, http.StatusNoContent, w.Code)
}
