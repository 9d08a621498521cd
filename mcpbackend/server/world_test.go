package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/nearby"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/prooftest"
)

const decision = "0b5c41b2-6f0d-4f4b-9a53-3a4a1c0f4c11"

// world is a backend on a port, with a signer that stands for the guard.
type world struct {
	*backend

	url     string
	logs    *lockedBuffer
	signer  *proof.Signer
	edge    *policy.Policy // the guard's, which may be another than the backend's
	keysAt  string
	stopped chan error
	stop    context.CancelFunc
}

// newWorld starts a backend whose policy allows this server, and no other.
func newWorld(t *testing.T, api *brokenAPI, change ...func(*setup)) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{logs: &lockedBuffer{}, keysAt: filepath.Join(dir, "keys.json"), stopped: make(chan error, 1)}
	o := setup{limits: "drain: 5s", Options: Options{
		Listen: "127.0.0.1:0", PolicyFile: filepath.Join(dir, "policy.yaml"), KeysFile: w.keysAt, Audience: "kubernetes-mcp",
		Toolsets: []string{"core"}, Version: "test",
		Log: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	for _, f := range change {
		f(&o)
	}
	require.NoError(t, os.WriteFile(o.PolicyFile, []byte(policyFor(api)+"limits: {backend: {"+o.limits+"}}\n"), 0o600))
	w.signer = prooftest.NewSigner(t, w.keysAt)
	var err error
	w.backend, err = load(o.Options)
	require.NoError(t, err)
	w.edge = w.policy.Current()
	listener, err := nearby.Port{Address: o.Listen}.Listen(t.Context())
	require.NoError(t, err)
	w.url = "http://" + listener.Addr().String()
	if o.TLS.Wanted() {
		w.url = "https://" + listener.Addr().String()
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.stopped <- w.serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-w.stopped)
		w.close()
	})
	return w
}

// setup is what a test may change before the start.
type setup struct {
	Options

	limits string // below limits.backend in the policy
}

// limited replaces the limits.
func limited(limits string) func(*setup) { return func(o *setup) { o.limits = limits } }

// policyFor names the one address and port of a server on loopback.
func policyFor(api *brokenAPI) string {
	text := "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\ncredentials: optional\n"
	if api == nil {
		return text
	}
	_, port, _ := strings.Cut(api.Listener.Addr().String(), ":")
	return text + "networks:\n- cidr: 127.0.0.1/32\n  ports: [" + port + "]\n"
}

// guarded does to requests what Envoy and the guard do: it replaces a caller's
// headers by the canonical ones and adds the proof.
type guarded struct {
	world   *world
	headers map[string]string
	base    http.RoundTripper
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if err := g.world.seal(req.Header, g.headers); err != nil {
		return nil, err
	}
	return g.base.RoundTrip(req)
}

func (w *world) seal(header http.Header, headers map[string]string) error {
	fields := make([]kubeheader.Field, 0, len(headers))
	for name, value := range headers {
		fields = append(fields, prooftest.Field(name, value))
	}
	sealed, err := prooftest.Seal(w.signer, &w.edge.Header, time.Now(), fields...)
	if err != nil {
		return err
	}
	for _, f := range sealed {
		header.Set(f.Name, string(f.Value.Reveal()))
	}
	header.Set("X-Request-ID", decision)
	return nil
}

// httpClient sends a caller's requests; its connections end with the test.
func (w *world) httpClient(t *testing.T, headers map[string]string, h2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: &guarded{world: w, headers: headers, base: transport}}
}

// session connects a go-sdk client.
func (w *world) session(t *testing.T, headers map[string]string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.url + "/mcp", HTTPClient: w.httpClient(t, headers, true), DisableStandaloneSSE: true,
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call calls a tool and returns the text, the structured part and the result.
func call(t *testing.T, s *mcp.ClientSession, name string, arguments map[string]any) (text string, structured map[string]any, result *mcp.CallToolResult) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: arguments})
	require.NoError(t, err)
	require.Len(t, result.Content, 1)
	text = result.Content[0].(*mcp.TextContent).Text
	structured, _ = result.StructuredContent.(map[string]any)
	return text, structured, result
}

// ok is call for a call that must succeed.
func ok(t *testing.T, s *mcp.ClientSession, name string, arguments map[string]any) (text string, structured map[string]any) {
	t.Helper()
	text, structured, result := call(t, s, name, arguments)
	require.False(t, result.IsError, text)
	return text, structured
}

// fails is call for a call that must fail, and returns what the model reads.
func fails(t *testing.T, s *mcp.ClientSession, name string, arguments map[string]any) string {
	t.Helper()
	text, _, result := call(t, s, name, arguments)
	require.True(t, result.IsError, text)
	return text
}

// post sends one raw message and returns status and body.
func (w *world) post(t *testing.T, headers map[string]string, version, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if version != "" {
		req.Header.Set("Mcp-Protocol-Version", version)
	}
	if version >= "2026-07-28" {
		var m struct {
			Method string `json:"method"`
			Params struct {
				Name string `json:"name"`
			} `json:"params"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &m))
		req.Header.Set("Mcp-Method", m.Method)
		if m.Params.Name != "" {
			req.Header.Set("Mcp-Name", m.Params.Name)
		}
	}
	resp, err := w.httpClient(t, headers, false).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines are the log's lines whose msg this is.
func (l *lockedBuffer) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == msg {
			out = append(out, line)
		}
	}
	return out
}

func pemData(der []byte) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// verified is the caller with these headers, as admit hands him on.
func (w *world) verified(t *testing.T, headers map[string]string) proof.Verified {
	t.Helper()
	header := http.Header{}
	require.NoError(t, w.seal(header, headers))
	var fields []kubeheader.Field
	for name, lines := range header {
		if proof.Relevant(name) {
			fields = append(fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(lines[0]))})
		}
	}
	v, err := w.verifier.Open(fields, time.Now())
	require.NoError(t, err)
	return v
}
