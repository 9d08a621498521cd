package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
		case "/moved":
			http.Redirect(w, r, "/readyz", http.StatusFound)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	for _, row := range []struct {
		url, says string
		status    int
	}{
		{server.URL + "/readyz", "", exitOK},
		{server.URL + "/healthz", "the answer is 503", exitFail},
		{server.URL + "/moved", "the answer is 302", exitFail},
		{"http://127.0.0.1:1/readyz", "connection refused", exitFail},
		{"http://localhost:1/readyz", "loopback addresses only", exitFail},
		{"http://192.0.2.1/readyz", "loopback addresses only", exitFail},
		{"https://127.0.0.1/readyz", "wants an http URL", exitFail},
	} {
		var stdout, stderr bytes.Buffer
		// A proxy that is not there: it must not be asked.
		t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
		require.Equal(t, row.status, run(t.Context(), []string{"probe", row.url}, func(string) string { return "" }, &stdout, &stderr), row.url)
		require.Contains(t, stderr.String(), row.says)
	}
}
