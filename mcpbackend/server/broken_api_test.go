package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The canaries that no answer and no log may hold, in any spelling.
const (
	canaryToken  = "CANARY-bearer-1f9d"
	canarySecret = "CANARY-secret-77ab"
)

// brokenAPI is a TLS server that plays the corners of an API server which a
// real one does not let a test reach: odd objects, hostile text, answers that
// hang. What a real one does is tested against a real one, elsewhere.
type brokenAPI struct {
	*httptest.Server

	connections atomic.Int64 // opened so far
	closed      atomic.Int64 // of them

	mu    sync.Mutex
	paths []string
	// objects by path; a func() blocks or answers by itself.
	objects map[string]any
}

func newBrokenAPI(t *testing.T) *brokenAPI {
	t.Helper()
	b := &brokenAPI{objects: map[string]any{
		"/version": map[string]any{"gitVersion": "v1.37.2"},
		"/api/v1": map[string]any{"resources": []any{
			kindOf("pods", "Pod", true), kindOf("secrets", "Secret", true), kindOf("configmaps", "ConfigMap", true),
			kindOf("namespaces", "Namespace", false), kindOf("nodes", "Node", false),
		}},
		"/api": map[string]any{"items": []any{}},
		"/apis": map[string]any{"items": []any{map[string]any{
			"metadata": map[string]any{"name": "apps"},
			"versions": []any{map[string]any{"version": "v1", "resources": []any{
				map[string]any{"resource": "deployments", "responseKind": map[string]any{"kind": "Deployment"}},
			}}},
		}}},
	}}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(b.serve))
	b.EnableHTTP2 = true
	b.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state { //nolint:exhaustive // the others are between
		case http.StateNew:
			b.connections.Add(1)
		case http.StateClosed:
			b.closed.Add(1)
		}
	}
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

func kindOf(resource, kind string, namespaced bool) map[string]any {
	return map[string]any{"name": resource, "kind": kind, "namespaced": namespaced, "verbs": []any{"get", "list"}}
}

func (b *brokenAPI) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.paths = append(b.paths, r.URL.RequestURI())
	object, found := b.objects[r.URL.Path]
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
		user, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "-")
		writeJSON(w, map[string]any{"status": map[string]any{"userInfo": map[string]any{
			"username": user, "groups": []string{"system:authenticated"},
		}}})
	case !found:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","message":"the server could not find the requested resource"}`))
	default:
		if handle, ok := object.(http.HandlerFunc); ok {
			handle(w, r)
			return
		}
		writeJSON(w, object)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (b *brokenAPI) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.paths...)
}

// headers are a caller's, with a token.
func (b *brokenAPI) headers(token string, more ...string) map[string]string {
	h := map[string]string{
		"kubernetes-server":                     b.URL,
		"kubernetes-certificate-authority-data": pemData(b.Certificate().Raw),
		"kubernetes-authorization":              token,
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

// table is a Table with one row per name, in namespace team-a.
func table(n int, next string) map[string]any {
	rows := make([]any, 0, n)
	for i := range n {
		name := fmt.Sprint("web-", i)
		rows = append(rows, map[string]any{
			"cells":  []any{name, i, "wide"},
			"object": map[string]any{"metadata": map[string]any{"name": name, "namespace": "team-a"}},
		})
	}
	metadata := map[string]any{}
	if next != "" {
		metadata["continue"], metadata["remainingItemCount"] = next, 38
	}
	return map[string]any{"kind": "Table", "metadata": metadata, "rows": rows, "columnDefinitions": []any{
		map[string]any{"name": "Name", "priority": 0}, map[string]any{"name": "Restarts", "priority": 0}, map[string]any{"name": "IP", "priority": 1},
	}}
}
