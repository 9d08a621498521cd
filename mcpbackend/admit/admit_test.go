package admit

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const call = `{"jsonrpc":"2.0","method":"tools/call","params":{},"id":"seven"}`

func post(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
}

func TestAdmits(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		h := newHouse(t)
		r := post(call)
		h.seal(t, r.Header, anonymous)
		r.Header.Set("Mcp-Protocol-Version", "2025-11-25")
		r.Header.Set("Signature-Agent", "x")
		r.Header.Set("X-Kubernetes", "kept")
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)

		require.Equal(t, http.StatusNoContent, w.Code)
		require.Len(t, h.room.callers, 1)
		require.Equal(t, decision, h.room.callers[0].Decision)
		target, ok := h.room.callers[0].Verified.Target()
		require.Equal(t, !anonymous, ok)
		if ok {
			require.Equal(t, "https://api.example.com", target.Server.String())
		}
		require.Equal(t, http.Header{
			"Mcp-Protocol-Version": {"2025-11-25"}, "X-Kubernetes": {"kept"}, "X-Request-Id": {decision},
		}, h.room.headers[0], "raw headers of the proof are gone, all others are kept")
		require.Empty(t, h.log.String())
	}
}

// TestRawNames: what net/http leaves as it came on the wire is seen as well.
func TestRawNames(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	sealed := http.Header{}
	h.seal(t, sealed, false)

	send := func(extra string) *http.Response {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { require.NoError(t, connection.Close()) }()
		var request strings.Builder
		request.WriteString("POST /mcp HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\nConnection: close\r\n")
		for name, values := range sealed {
			request.WriteString(name + ": " + values[0] + "\r\n")
		}
		_, err = io.WriteString(connection, request.String()+extra+"\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	require.Equal(t, http.StatusNoContent, send("").StatusCode)
	for _, extra := range []string{
		"kubernetes_server: https://api.example.com\r\n",
		"KUBERNETES_NAMESPACE: team-b\r\n",
		"kubernetes-namespace: team-b\r\n",
		"kubernetes: x\r\n",
		"kubernetes-impersonate: bob\r\n",
		"x_kubernetes_fingerprint: x\r\n",
		"signature_input: x\r\n",
		"SIGNATURE: x\r\n",
	} {
		require.Equal(t, http.StatusBadRequest, send(extra).StatusCode, extra)
	}
	require.Len(t, h.room.callers, 1)
}

func TestTakesEverySpelling(t *testing.T) {
	r := post("")
	for _, name := range []string{
		"Kubernetes-Server", "kubernetes_server", "KUBERNETES", "kubernetesx", "Signature", "signature_input",
		"Signature-Agent", "X-Kubernetes-Fingerprint", "x_kubernetes-Fingerprint",
	} {
		r.Header[name] = []string{"x", "y"}
	}
	r.Header.Set("Accept", "*/*")
	r.Trailer = http.Header{"Kubernetes-Server": nil, "Digest": nil}
	fields := takeFields(r)
	require.Equal(t, http.Header{"Accept": {"*/*"}}, r.Header)
	require.Equal(t, http.Header{"Digest": nil}, r.Trailer)
	require.Len(t, fields, 16, "two lines of each, but for signature-agent")
}

func TestDecision(t *testing.T) {
	for name, received := range map[string][]string{
		"none":    nil,
		"one":     {decision},
		"two":     {decision, decision},
		"empty":   {""},
		"another": {"urn:uuid:" + decision},
		"words":   {"the-request-that-was-sent-by-alice-01"},
		"lines":   {decision[:35] + "\n"},
	} {
		for _, sealed := range []bool{true, false} {
			h := newHouse(t)
			r := post(call)
			if sealed {
				h.seal(t, r.Header, false)
			}
			r.Header[http.CanonicalHeaderKey(requestID)] = received
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)

			got := r.Header.Values(requestID)
			require.Len(t, got, 1, name)
			require.True(t, jsonrpc.ValidDecision(got[0]), name)
			require.Equal(t, name == "one", got[0] == decision)
			if sealed {
				require.Equal(t, got[0], h.room.callers[0].Decision)
			} else {
				require.Equal(t, got[0], w.Header().Get(requestID))
				require.Contains(t, h.log.String(), got[0])
				require.Contains(t, w.Body.String(), `"decision":"`+got[0]+`"`)
			}
		}
	}
}

// TestContext: nothing but the door makes a Caller.
func TestContext(t *testing.T) {
	_, ok := FromContext(t.Context())
	require.False(t, ok)
	_, ok = FromContext(context.WithValue(t.Context(), callerKey{}, Caller{Decision: decision}))
	require.False(t, ok, "a Caller without a verified proof")
}

func TestOurs(t *testing.T) {
	for _, name := range []string{kubeheader.Fingerprint, "kubernetes", "KUBERNETES_x", "Signature", "Signature-Anything", "X_Kubernetes_Fingerprint"} {
		require.True(t, ours(name), name)
	}
	for _, name := range []string{"", "Accept-Signature", "X-Kubernetes", "X-Kubernetes-Fingerprints", "kubernete", "Authorization"} {
		require.False(t, ours(name), name)
	}
}
