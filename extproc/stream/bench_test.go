package stream

import (
	"context"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/verdict"
)

// BenchmarkAllow is a whole stream through the real gRPC stack in memory, client
// included: 3 KB of headers up, a remembered answer down.
func BenchmarkAllow(b *testing.B) {
	answer, err := EncodeAllow(sampleAllow())
	require.NoError(b, err)
	g := start(b, decide(func(verdict.Facts) (verdict.Verdict, error) {
		return &verdict.Allowed{Answer: answer, Credential: verdict.CredentialToken}, nil
	}))
	m := headers(false, post(line("kubernetes-server", "https://api.example.com"),
		line("kubernetes-certificate-authority-data", strings.Repeat("x", 2000)), line("kubernetes-authorization", strings.Repeat("x", 1000)))...)
	b.ReportAllocs()
	for b.Loop() {
		c := g.open()
		c.send(m)
		c.receive()
		c.closed()
		<-g.entered
		require.NoError(b, g.end())
	}
}

// BenchmarkCached is all that a request with a remembered verdict costs beyond
// protobuf and gRPC: reading 3 KB of headers, the real engine, the answer, and
// what it is sent as.
func BenchmarkCached(b *testing.B) {
	server, err := New(Config{Engine: realEngine(b, EncodeAllow), Observer: new(quiet)})
	require.NoError(b, err)
	codec, err := Codec()
	require.NoError(b, err)
	m := headers(false, post(line("kubernetes-server", "https://api.example.com"),
		line("kubernetes-certificate-authority-data", authority(b)), line("kubernetes-authorization", "Bearer "+strings.Repeat("x", 2000)))...)
	b.ReportAllocs()
	for b.Loop() {
		x := exchange{server: server, stream: idleStream{}}
		out, err := x.answer(m)
		if err != nil || !out.last {
			b.Fatal("not accepted")
		}
		sent, err := codec.Marshal(out.message)
		if err != nil {
			b.Fatal(err)
		}
		sent.Free()
	}
}

// quiet counts, as a real observer does.
type quiet struct {
	nobody

	decided int
}

func (q *quiet) Decided(Event) { q.decided++ }

// idleStream is the context of a stream and nothing else.
type idleStream struct {
	extprocv3.ExternalProcessor_ProcessServer
}

func (idleStream) Context() context.Context { return context.Background() }

// BenchmarkAnswer is what the stream itself adds to a verdict: reading the
// header message and encoding the answer.
func BenchmarkAnswer(b *testing.B) {
	answer, err := EncodeAllow(sampleAllow())
	require.NoError(b, err)
	server, err := New(Config{Engine: decide(func(verdict.Facts) (verdict.Verdict, error) {
		return &verdict.Allowed{Answer: answer, Credential: verdict.CredentialToken}, nil
	})})
	require.NoError(b, err)
	codec, err := Codec()
	require.NoError(b, err)
	m := headers(false, post(line("kubernetes-server", "https://api.example.com"),
		line("kubernetes-certificate-authority-data", strings.Repeat("x", 2000)), line("kubernetes-authorization", strings.Repeat("x", 1000)))...)
	b.ReportAllocs()
	for b.Loop() {
		x := exchange{server: server, stream: idleStream{}}
		out, err := x.answer(m)
		if err != nil {
			b.Fatal(err)
		}
		sent, err := codec.Marshal(out.message)
		if err != nil {
			b.Fatal(err)
		}
		sent.Free()
	}
}
