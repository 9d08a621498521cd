package server

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/trial"
)

// reused reports of four requests, one after the other, whether each came over
// the connection of the one before.
func reused(t *testing.T, handler http.HandlerFunc, age time.Duration, secure, h2 bool) []bool {
	t.Helper()
	ca := trial.NewAuthority(t)
	var transport *tls.Config
	if secure {
		transport = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trial.DNS("backend.example.com")).TLS()}, MinVersion: tls.VersionTLS12}
	}
	srv := newHTTPServer(handler, policy.BackendLimits{ConnectionAge: age, Streams: 8}, transport, slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		if secure {
			served <- srv.ServeTLS(listener, "", "")
			return
		}
		served <- srv.Serve(listener)
	}()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2 && secure)
	protocols.SetUnencryptedHTTP2(h2 && !secure)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	client := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "backend.example.com", MinVersion: tls.VersionTLS12}}
	defer func() {
		client.CloseIdleConnections()
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}()

	var out []bool
	for range 4 {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { out = append(out, i.Reused) }})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, map[bool]string{false: "http", true: "https"}[secure]+"://"+listener.Addr().String(), nil)
		require.NoError(t, err)
		resp, err := client.RoundTrip(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Contains(t, []string{"ok", ""}, string(body))
		require.Equal(t, h2, resp.ProtoMajor == 2)
	}
	return out
}

// TestOldConnectionsTakeTheirLastRequest, which is answered like any other.
func TestOldConnectionsTakeTheirLastRequest(t *testing.T) {
	answer := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") }
	for name, handler := range map[string]http.HandlerFunc{
		"plain": func(w http.ResponseWriter, _ *http.Request) { answer(w) },
		"keep-alive": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "keep-alive")
			w.WriteHeader(http.StatusOK)
			answer(w)
		},
		"flushed first": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "keep-alive")
			_ = http.NewResponseController(w).Flush()
			answer(w)
		},
		"flushed by a flusher": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "keep-alive")
			w.(http.Flusher).Flush()
			answer(w)
		},
		"empty": func(http.ResponseWriter, *http.Request) {},
		"with a deadline": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			answer(w)
		},
	} {
		for _, secure := range []bool{false, true} {
			for _, h2 := range []bool{false, true} {
				require.Equal(t, []bool{false, false, false, false}, reused(t, handler, time.Nanosecond, secure, h2), name)
				require.Equal(t, []bool{false, true, true, true}, reused(t, handler, time.Hour, secure, h2), name)
			}
		}
	}
}

// TestTheAgeIsTheOperators: the limit reaches its place.
func TestTheAgeIsTheOperators(t *testing.T) {
	w := newWorld(t, nil, limited("connectionAge: 17m"))
	require.Equal(t, 17*time.Minute, w.limits.ConnectionAge)
}
