package serve

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"kubernetes-mcp-edge/extproc/proof"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const decision = "0e4f5b3c-9d1a-4c57-8a36-3f2b1c0d9e8f"

const policyYAML = `apiVersion: kubernetes-mcp-edge/v1
kind: Policy
hosts:
  suffixes: [.example.com]
limits:
  guard: {bodyTimeout: 30s, drain: 100ms}
`

// options are those of a guard that would start.
func options(tb testing.TB, logs io.Writer) Options {
	tb.Helper()
	dir := tb.TempDir()
	o := Options{
		Listen: "127.0.0.1:0", PolicyFile: filepath.Join(dir, "policy.yaml"), SigningKeyFile: filepath.Join(dir, "keys.pem"),
		Audience: "kubernetes-mcp",
		Log:      slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	require.NoError(tb, os.WriteFile(o.PolicyFile, []byte(policyYAML), 0o600))
	writeKeys(tb, o.SigningKeyFile, newKey(tb))
	return o
}

func newKey(tb testing.TB) proof.SigningKey {
	tb.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(tb, err)
	return key
}

// writeKeys replaces the key file the way kubemcp does: by renaming.
func writeKeys(tb testing.TB, path string, keys ...proof.SigningKey) {
	tb.Helper()
	content, err := proof.EncodeSigningKeys(keys...)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(path+".new", content, 0o600))
	require.NoError(tb, os.Rename(path+".new", path))
}

// running is a guard that serves in memory.
type running struct {
	t        testing.TB
	options  Options
	guard    *guard
	logs     *syncBuffer
	listener *bufconn.Listener
	conn     *grpc.ClientConn
	stop     context.CancelFunc
	ended    chan error
}

func start(tb testing.TB, change ...func(*guard)) *running {
	tb.Helper()
	return startWith(tb, func(*Options) {}, change...)
}

// startWith is start with something to say before anything is loaded.
func startWith(tb testing.TB, prepare func(*Options), change ...func(*guard)) *running {
	tb.Helper()
	r := &running{t: tb, logs: new(syncBuffer), listener: bufconn.Listen(1 << 20), ended: make(chan error, 1)}
	r.options = options(tb, r.logs)
	prepare(&r.options)
	g, err := load(r.options)
	require.NoError(tb, err)
	g.limits.Drain = 0 // unless the test is about it
	for _, f := range change {
		f(g)
	}
	r.guard = g
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer g.close() //nolint:contextcheck // it ends after ctx has
		r.ended <- g.serve(ctx, r.listener)
	}()
	r.conn = r.dial(insecure.NewCredentials())
	tb.Cleanup(func() {
		r.stop()
		<-gone
		require.NoError(tb, r.conn.Close())
	})
	return r
}

func (r *running) dial(who credentials.TransportCredentials) *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///guard", grpc.WithTransportCredentials(who),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return r.listener.DialContext(ctx) }))
	require.NoError(r.t, err)
	return conn
}

func (r *running) open() extprocv3.ExternalProcessor_ProcessClient {
	return r.openOn(r.conn)
}

func (r *running) openOn(conn *grpc.ClientConn) extprocv3.ExternalProcessor_ProcessClient {
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(context.Background())
	require.NoError(r.t, err)
	return stream
}

// ask sends a header message and returns the answer to it.
func (r *running) ask(lines ...*corev3.HeaderValue) (extprocv3.ExternalProcessor_ProcessClient, *extprocv3.ProcessingResponse) {
	r.t.Helper()
	stream := r.open()
	require.NoError(r.t, stream.Send(message(lines...)))
	answer, err := stream.Recv()
	require.NoError(r.t, err)
	return stream, answer
}

func message(lines ...*corev3.HeaderValue) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: lines}},
	}}
}

func body(data []byte) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: data, EndOfStream: true},
	}}
}

func line(name, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, RawValue: []byte(value)}
}

func post(more ...*corev3.HeaderValue) []*corev3.HeaderValue {
	return append([]*corev3.HeaderValue{line(":method", "POST"), line("x-forwarded-proto", "https"), line("x-request-id", decision)}, more...)
}

// authority is a CA as a header value.
func authority(tb testing.TB) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// syncBuffer is a buffer that a logger and a test may share.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
