package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// set returns the headers that an answer sets.
func set(m *extprocv3.ProcessingResponse) map[string]string {
	out := map[string]string{}
	for _, o := range m.GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders() {
		out[o.GetHeader().GetKey()] = string(o.GetHeader().GetRawValue())
	}
	return out
}

func verdictOf(m *extprocv3.ProcessingResponse) string {
	guarded, _ := m.GetDynamicMetadata().AsMap()["kube_guard"].(map[string]any)
	word, _ := guarded["verdict"].(string)
	return word
}

func TestGoodRequestIsSigned(t *testing.T) {
	r := start(t)
	ca := authority(t)
	stream, answer := r.ask(post(
		line(kubeheader.Server, "https://api.example.com"), line(kubeheader.CertificateAuthority, ca), line(kubeheader.Authorization, "abc"))...)
	headers := set(answer)
	require.Equal(t, "allow", verdictOf(answer))
	require.Equal(t, "Bearer abc", headers[kubeheader.Authorization])
	require.Contains(t, headers[kubeheader.SignatureInput], `tag="kubernetes-mcp-edge/1/kubernetes-mcp"`)
	require.NotEmpty(t, headers[kubeheader.Signature])
	require.NotEmpty(t, headers[kubeheader.Fingerprint])
	require.Len(t, headers, 4)
	_, err := stream.Recv()
	require.ErrorIs(t, err, io.EOF)
	r.stop()
}

func TestBadRequestIsAnsweredWithItsID(t *testing.T) {
	r := start(t)
	stream, answer := r.ask(post(line(kubeheader.Server, "http://api.example.com"))...)
	require.Equal(t, "reject", verdictOf(answer))
	require.NoError(t, stream.Send(body([]byte(`{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/list"}`))))
	answer, err := stream.Recv()
	require.NoError(t, err)
	refused := answer.GetImmediateResponse()
	require.EqualValues(t, http.StatusOK, refused.GetStatus().GetCode())
	var got struct {
		ID json.RawMessage `json:"id"`
	}
	require.NoError(t, json.Unmarshal(refused.GetBody(), &got))
	require.Equal(t, "12345678901234567890", string(got.ID))
}

func TestBodiesUpToTheLimit(t *testing.T) {
	r := start(t)
	for _, mib := range []int{1, 3, 24} {
		stream, _ := r.ask(post()...)
		big := bytes.Repeat([]byte{'x'}, mib<<20)
		require.NoError(t, stream.Send(body([]byte(`{"jsonrpc":"2.0","method":"m","params":{"x":"`+string(big)+`"},"id":"last"}`))))
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Contains(t, string(answer.GetImmediateResponse().GetBody()), `"id":"last"`)
	}
	stream, _ := r.ask(post()...)
	_ = stream.Send(body(make([]byte, r.guard.limits.MessageBytes+1))) // cut off somewhere in between
	_, err := stream.Recv()
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "too big is an error: unreadable, but closed")
}

func TestSigningKeysAreFollowed(t *testing.T) {
	r := start(t, func(g *guard) { g.interval = time.Millisecond })
	ca := authority(t)
	keyID := func() string {
		_, answer := r.ask(post(
			line(kubeheader.Server, "https://api.example.com"), line(kubeheader.CertificateAuthority, ca), line(kubeheader.Authorization, "abc"))...)
		_, rest, _ := strings.Cut(set(answer)[kubeheader.SignatureInput], `keyid="`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	first := keyID()
	require.NotEmpty(t, first)
	next := newKey(t)
	writeKeys(t, r.options.SigningKeyFile, next)
	require.Eventually(t, func() bool { return keyID() == next.ID() }, 10*time.Second, time.Millisecond,
		"the same request gets the new key, although its answer was remembered")

	require.NoError(t, os.WriteFile(r.options.SigningKeyFile, []byte("half a fi"), 0o600))
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "the last good signing keys stay in use") }, 10*time.Second, time.Millisecond)
	require.Equal(t, next.ID(), keyID())
}

// TestOldestKeyChangeEmptiesTheCache: the fingerprint comes from the oldest
// key, so remembered answers are wrong once that one is gone, although the key
// that signs is the same.
func TestOldestKeyChangeEmptiesTheCache(t *testing.T) {
	oldest, active := newKey(t), newKey(t)
	r := start(t, func(g *guard) {
		g.interval = time.Millisecond
		writeKeys(t, g.options.SigningKeyFile, oldest, active)
		_, err := g.keys.Refresh(time.Now())
		require.NoError(t, err)
	})
	ca := authority(t)
	fingerprint := func() string {
		_, answer := r.ask(post(
			line(kubeheader.Server, "https://api.example.com"), line(kubeheader.CertificateAuthority, ca), line(kubeheader.Authorization, "abc"))...)
		return set(answer)[kubeheader.Fingerprint]
	}
	first := fingerprint()
	require.Equal(t, first, fingerprint())
	writeKeys(t, r.options.SigningKeyFile, active)
	require.Eventually(t, func() bool { return fingerprint() != first }, 5*time.Second, time.Millisecond)
}

func TestRunStartsOnlyWithGoodFiles(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no policy":     {func(o *Options) { o.PolicyFile += "x" }, "policy file"},
		"unknown key":   {func(o *Options) { rewrite(t, o.PolicyFile, policyYAML+"hots: {}\n") }, "hots"},
		"no key":        {func(o *Options) { o.SigningKeyFile += "x" }, "signing keys"},
		"open key file": {func(o *Options) { require.NoError(t, os.Chmod(o.SigningKeyFile, 0o644)) }, "chmod 600"},
		"not a key":     {func(o *Options) { rewrite(t, o.SigningKeyFile, "x") }, "PRIVATE KEY"},
		"bad audience":  {func(o *Options) { o.Audience = "two words" }, "audience"},
		"off loopback":  {func(o *Options) { o.Listen = "0.0.0.0:0" }, "refusing to listen"},
		"half of TLS":   {func(o *Options) { o.TLS.Key = "key.pem" }, "--tls-certificate"},
		"bad collector": {func(o *Options) { o.OTLPEndpoint = "collector" }, "--otlp-endpoint: "},
		"bad admin":     {func(o *Options) { o.Admin = "9102" }, "--admin: "},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, io.Discard)
			row.change(&o)
			require.ErrorContains(t, Run(t.Context(), o), row.want)
		})
	}
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestRunFromStartToEnd(t *testing.T) {
	logs := new(syncBuffer)
	o := options(t, logs)
	o.Listen = "unix:" + filepath.Join(t.TempDir(), "guard.sock")
	rewrite(t, o.PolicyFile, "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nlimits: {guard: {drain: 100ms}}\n")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), `"msg":"listening"`) }, 10*time.Second, time.Millisecond)
	require.Contains(t, logs.String(), "set hosts.exact, hosts.suffixes, hosts.anyPublic", "an empty policy says which key to set")
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, logs.String(), `"msg":"stopped"`)
}
