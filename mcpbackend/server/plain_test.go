package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPlainPassesStreams: what was flushed arrives though the answer goes on,
// since progress is of use only while one waits.
func TestPlainPassesStreams(t *testing.T) {
	read := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &plain{ResponseWriter: w}
		p.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(p, "one")
		if err := http.NewResponseController(p).Flush(); err != nil {
			return
		}
		select {
		case <-read:
			_, _ = io.WriteString(p, "two")
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, 3)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	require.Equal(t, "one", string(first))
	close(read)
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "two", string(rest))
}

// TestPlainHolds: of an error that is not JSON nothing gets out, not even by a
// flush, and no more of it is kept than is needed.
func TestPlainHolds(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "text/html; charset=utf-8", ";", "text/event-stream"} {
		out := httptest.NewRecorder()
		p := &plain{ResponseWriter: out}
		p.Header().Set("Content-Type", contentType)
		p.WriteHeader(http.StatusBadRequest)
		p.WriteHeader(http.StatusOK)
		n, err := p.Write(make([]byte, 1000))
		require.NoError(t, err)
		require.Equal(t, 1000, n)
		_, err = p.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, http.NewResponseController(p).Flush())
		require.True(t, p.held())
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Len(t, p.text, maxHeld)
		require.False(t, out.Flushed)
		require.Zero(t, out.Body.Len())
	}
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		out := httptest.NewRecorder()
		p := &plain{ResponseWriter: out}
		p.Header().Set("Content-Type", contentType)
		p.WriteHeader(http.StatusNotFound)
		require.False(t, p.held())
		require.Equal(t, http.StatusNotFound, out.Code)
	}
}
