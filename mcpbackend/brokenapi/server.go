// Package brokenapi holds an API server that answers whatever a test wants: what
// a real one never says, and what the embedded one has no part for. Only tests
// import it.
package brokenapi

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/prooftest"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Token is the caller's bearer token: no answer may hold it.
const Token = "CANARY-token"

// Server answers each path as a test wants.
type Server struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]string
	handled map[string]http.HandlerFunc
	asked   []Request
}

// Request is what a server was asked.
type Request struct {
	Method, URI string // the URI is path and query
	ContentType string // of the body; "" if the request has none
	Body        string
}

// resources are the kinds that every hostile server offers.
const resources = `{"resources":[
	{"name":"pods","kind":"Pod","namespaced":true,"verbs":["get","list"]},
	{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]},
	{"name":"bindings","kind":"Binding","namespaced":true,"verbs":["create"]}]}`

// Visit opens a server with these answers, bodies by path or by method, space
// and path, and the door to it for one caller. Its client only reads; Writing and
// Executing may do more. A body that begins with a number and a space has that status.
// What is in no answer does not exist, but for the kinds pods, configmaps and
// bindings of v1.
func Visit(t *testing.T, answers map[string]string) (*Server, *kube.Client) {
	t.Helper()
	return VisitUnder(t, access.Rules{}, answers)
}

// VisitUnder is Visit where the operator has rules of access.
func VisitUnder(t *testing.T, rules access.Rules, answers map[string]string) (*Server, *kube.Client) {
	t.Helper()
	h := &Server{answers: maps.Clone(answers)}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	address := netip.MustParseAddrPort(h.Listener.Addr().String())
	hosts, err := hostpolicy.New(hostpolicy.Config{Networks: []hostpolicy.Network{{Prefix: netip.MustParsePrefix("127.0.0.1/32"), Ports: []uint16{address.Port()}}}})
	require.NoError(t, err)
	clients, err := kube.New(kube.Config{Rules: func() kube.Rules { return kube.Rules{Hosts: hosts, Access: rules, Generation: "1"} }, Writes: true, Execs: true})
	require.NoError(t, err)
	t.Cleanup(clients.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	client, err := clients.For(t.Context(), verified(t, &kubeheader.Policy{Hosts: hosts, AllowToken: true}, map[string]string{
		kubeheader.Server: h.URL, kubeheader.CertificateAuthority: base64.StdEncoding.EncodeToString(ca), kubeheader.Authorization: Token,
	}), "0b5c41b2-6f0d-4f4b-9a53-3a4a1c0f4c11")
	require.NoError(t, err)
	return h, client
}

// Answer changes what a path answers.
func (h *Server) Answer(path, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answers == nil {
		h.answers = map[string]string{}
	}
	h.answers[path] = body
}

// Handle has a path answered by code: what no text can say, such as a connection
// that is taken over.
func (h *Server) Handle(path string, f http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.handled == nil {
		h.handled = map[string]http.HandlerFunc{}
	}
	h.handled[path] = f
}

// Asked are the requests so far, as path and query.
func (h *Server) Asked() []string {
	requests := h.Requests()
	out := make([]string, 0, len(requests))
	for _, r := range requests {
		out = append(out, r.URI)
	}
	return out
}

// Requests are the requests so far.
func (h *Server) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

func (h *Server) serve(w http.ResponseWriter, r *http.Request) {
	sent, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.asked = append(h.asked, Request{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), string(sent)})
	body, ok := h.answers[r.Method+" "+r.URL.Path]
	if !ok {
		body, ok = h.answer(r.URL)
	}
	handle := h.handled[r.URL.Path]
	h.mu.Unlock()
	if handle != nil {
		handle(w, r)
		return
	}
	switch {
	case !ok && r.URL.Path == "/api/v1":
		body = resources
	case !ok:
		body = `404 {"kind":"Status","message":"the server could not find the requested resource"}`
	}
	status := http.StatusOK
	if before, after, found := strings.Cut(body, " "); found && len(before) == 3 {
		if n, err := strconv.Atoi(before); err == nil {
			status, body = n, after
		}
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(body, "<"):
		w.Header().Set("Content-Type", "text/html")
	case !strings.HasPrefix(body, "{"):
		w.Header().Set("Content-Type", "text/plain")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// answer is the body for a request.
func (h *Server) answer(u *url.URL) (body string, ok bool) {
	body, ok = h.answers[u.Path]
	most := 0
	for key, text := range h.answers {
		path, query, _ := strings.Cut(key, "?")
		wanted, err := url.ParseQuery(query)
		if path != u.Path || err != nil || len(wanted) <= most || !within(wanted, u.Query()) {
			continue
		}
		body, ok, most = text, true, len(wanted)
	}
	return body, ok
}

func within(wanted, sent url.Values) bool {
	for name := range wanted {
		if !sent.Has(name) || sent.Get(name) != wanted.Get(name) {
			return false
		}
	}
	return true
}

// verified is the caller with these headers, as admit hands him on.
func verified(t *testing.T, policy *kubeheader.Policy, headers map[string]string) proof.Verified {
	t.Helper()
	fields := make([]kubeheader.Field, 0, len(headers))
	for name, value := range headers {
		fields = append(fields, prooftest.Field(name, value))
	}
	return prooftest.NewEdge(t, policy).Caller(t, time.Now(), fields...)
}

// Soon gives a call its deadline.
func Soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
