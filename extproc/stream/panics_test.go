package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/verdict"
)

// trap is the header that the broken parts of these tests step on. Its value must
// not get into the log.
const trap = "kubernetes-trap"

// trapped says whether a request has the trap.
func trapped(f verdict.Facts) bool {
	for _, field := range f.Fields {
		if field.Name == trap {
			return true
		}
	}
	return false
}

// trappedCodec is broken on purpose: it fails on a message that holds a word.
type trappedCodec struct {
	encoding.CodecV2

	read, write string
}

func (c trappedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if err := c.CodecV2.Unmarshal(data, v); err != nil {
		return err
	}
	if m, ok := v.(*extprocv3.ProcessingRequest); ok && (m.GetRequestHeaders() != nil && c.read == "headers" && hasTrap(m) ||
		string(m.GetRequestBody().GetBody()) == canary && c.read == "body") {
		bug()
	}
	return nil
}

func (c trappedCodec) Marshal(v any) (mem.BufferSlice, error) {
	if answer, ok := v.(*encoded); ok && c.write == "accept" && string(answer.shared) == canary {
		bug()
	}
	return c.CodecV2.Marshal(v)
}

func hasTrap(m *extprocv3.ProcessingRequest) bool {
	return trapped(read(m.GetRequestHeaders()).facts)
}

// realEngine makes its answers with encode, under a policy that allows all.
func realEngine(tb testing.TB, encode func(verdict.Allow) ([]byte, error)) Decider {
	tb.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(tb, err)
	content, err := proof.EncodeSigningKeys(key)
	require.NoError(tb, err)
	path := filepath.Join(tb.TempDir(), "keys.pem")
	require.NoError(tb, os.WriteFile(path, content, 0o600))
	keys, err := proof.LoadSigningKeys(path)
	require.NoError(tb, err)
	signer, err := proof.NewSigner(keys, "kubernetes-mcp")
	require.NoError(tb, err)
	hosts, err := hostpolicy.New(hostpolicy.Config{Suffixes: []string{".example.com"}})
	require.NoError(tb, err)
	rules := &policy.Policy{Digest: "digest", Header: kubeheader.Policy{Hosts: hosts, CredentialsOptional: true, AllowToken: true}}
	e, err := verdict.New(verdict.Config{
		Policy: func() *policy.Policy { return rules }, Signer: signer, Audience: "kubernetes-mcp", Encode: encode,
	})
	require.NoError(tb, err)
	tb.Cleanup(e.Close)
	return e
}

// authority is a CA certificate as a header value.
func authority(tb testing.TB) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// split gives requests with the trap to one engine and all others to rejecting.
type split struct{ trapped Decider }

func (s split) Decide(ctx context.Context, f verdict.Facts, now time.Time) (verdict.Decision, error) {
	if !trapped(f) {
		return rejecting().Decide(ctx, f, now)
	}
	f.Fields = nil
	return s.trapped.Decide(ctx, f, now)
}

// TestPanicCostsOneStream breaks each part that runs on behalf of a stream, while
// others are under way: the broken stream ends with an error, which Envoy takes
// as a refusal, and nobody else notices.
func TestPanicCostsOneStream(t *testing.T) {
	panicking := decide(func(verdict.Facts) (verdict.Verdict, error) { bug(); return nil, errNoVerdict })
	for name, row := range map[string]struct {
		engine   Decider
		faults   []string // of the observer
		hostForm func(string) string
		codec    trappedCodec
		body     string // sent after the headers, if any
	}{
		"engine":               {engine: panicking},
		"encoder":              {engine: realEngine(t, func(verdict.Allow) ([]byte, error) { bug(); return nil, nil })},
		"reading the headers":  {engine: panicking, codec: trappedCodec{read: "headers"}},
		"reading the body":     {engine: rejecting(), codec: trappedCodec{read: "body"}, body: canary},
		"writing":              {engine: decide(func(verdict.Facts) (verdict.Verdict, error) { return &verdict.Allowed{Answer: []byte(canary)}, nil }), codec: trappedCodec{write: "accept"}},
		"observer of failures": {engine: failingEngine(), faults: []string{"failed panics"}},
		"observer of panics":   {engine: panicking, faults: []string{"panicked panics"}},
		"form of the host": {
			engine: decide(func(verdict.Facts) (verdict.Verdict, error) {
				r := kubeheader.NewRejection(kubeheader.ReasonHostNotAllowed.Problem(kubeheader.Server))
				r.Host = "trap.example.com"
				return &verdict.Rejected{Rejection: r}, nil
			}),
			hostForm: func(string) string { bug(); return "" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := startWith(t, split{row.engine}, func(c encoding.CodecV2) encoding.CodecV2 { row.codec.CodecV2 = c; return row.codec },
				func(c *Config) { c.HostForm = row.hostForm })
			g.seen.faults = row.faults
			waiting := g.open()
			waiting.rejected()

			broken := g.open()
			broken.send(headers(false, post(line(trap, canary))...))
			if row.body != "" {
				broken.receive()
				broken.send(body([]byte(row.body), true))
			}
			_, err := broken.stream.Recv()
			require.Equal(t, codes.Internal, status.Code(err))
			require.Equal(t, codes.Internal, status.Code(g.end()))
			require.Equal(t, 1, g.seen.count("panicked"))
			require.Contains(t, g.logs.String(), `"msg":"panic in a stream","kind":"`)
			require.Contains(t, g.logs.String(), "extproc/stream.(*", "the stack is logged")
			require.NotContains(t, g.logs.String(), canary, "what a panic or a stack holds can be anything, so it is not logged")
			require.NotContains(t, status.Convert(err).Message(), canary)

			waiting.send(body([]byte(`{"jsonrpc":"2.0","id":"mine","method":"m"}`), true))
			require.Equal(t, `"mine"`, string(immediate(t, waiting.receive()).ID))
			waiting.closed()
			require.NoError(t, g.end())
			next := g.open()
			require.NotNil(t, next.rejected().GetModeOverride())
		})
	}
}

// here is the one between a panic and frames.
func here() []string { return frames() }

// TestStackHoldsNoArguments: a key that is passed by value would stand in the
// stack that the runtime prints.
func TestStackHoldsNoArguments(t *testing.T) {
	var got []string
	deeper := func(key [4]uint64) { got = here(); require.NotZero(t, key) }
	deeper([4]uint64{0xdeadbeefcafe, 1, 2, 3})
	require.NotEmpty(t, got)
	for _, f := range got {
		require.NotContains(t, f, "deadbeef")
		require.Regexp(t, `^\S+ \S+:\d+$`, f)
	}
	require.Contains(t, got[0], "TestStackHoldsNoArguments")
}
