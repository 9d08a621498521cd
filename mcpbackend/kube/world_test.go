package kube

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// world answers requests by "METHOD path"; what it does not know is a 404 that
// names nothing, as an API server's is.
type world map[string]string

func (w world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, ok := w[r.Method+" "+r.URL.Path]
	if !ok {
		refuse(rw, http.StatusNotFound, "the server could not find the requested resource", "")
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(rw, body)
}

// heard is a server that also keeps the bodies it was sent.
type heard struct {
	*hostile

	bodies chan string
}

func hear(t *testing.T, answers http.HandlerFunc) *heard {
	t.Helper()
	h := &heard{bodies: make(chan string, 16)}
	h.hostile = newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h.bodies <- string(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answers(w, r)
	})
	return h
}

func (h *heard) body(t *testing.T) string {
	t.Helper()
	require.NotEmpty(t, h.bodies)
	return <-h.bodies
}

// writer is a client that may write.
func writer(t *testing.T, h *hostile) *Client {
	t.Helper()
	return clientOf(t, h, func(c *Config) { c.Writes = true }).Writing()
}

var (
	podKind        = Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	deploymentKind = Kind{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true}
)
