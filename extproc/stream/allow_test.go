package stream

import (
	"bytes"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/verdict"
)

func secret(s string) kubeheader.Secret { return kubeheader.NewSecret([]byte(s)) }

func sampleAllow() verdict.Allow {
	return verdict.Allow{
		Set: []kubeheader.Field{
			{Name: kubeheader.Authorization, Value: secret("Bearer abc")},
			{Name: kubeheader.SignatureInput, Value: secret("kube=()")},
			{Name: kubeheader.Signature, Value: secret("kube=:AA==:")},
			{Name: kubeheader.Fingerprint, Value: secret("f")},
		},
		Remove:     []string{kubeheader.InsecureSkipTLSVerify},
		Credential: verdict.CredentialToken,
	}
}

func option(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, RawValue: []byte(value)}}
}

// wantAllow is what sampleAllow means on the wire, spelt out.
func wantAllow(tb testing.TB, decision string, more ...*corev3.HeaderValueOption) *extprocv3.ProcessingResponse {
	tb.Helper()
	metadata, err := structpb.NewStruct(map[string]any{"kube_guard": map[string]any{"verdict": "allow", "reason": "", "credential": "token", "decision": decision}})
	require.NoError(tb, err)
	return &extprocv3.ProcessingResponse{
		Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{
			Response: &extprocv3.CommonResponse{HeaderMutation: &extprocv3.HeaderMutation{
				SetHeaders: append([]*corev3.HeaderValueOption{
					option("kubernetes-authorization", "Bearer abc"), option("signature-input", "kube=()"),
					option("signature", "kube=:AA==:"), option("x-kubernetes-fingerprint", "f"),
				}, more...),
				RemoveHeaders: []string{"kubernetes-insecure-skip-tls-verify"},
			}},
		}},
		DynamicMetadata: metadata,
	}
}

func remembering(tb testing.TB) Decider {
	tb.Helper()
	answer, err := EncodeAllow(sampleAllow())
	require.NoError(tb, err)
	return decide(func(verdict.Facts) (verdict.Verdict, error) {
		return &verdict.Allowed{Answer: answer, Credential: verdict.CredentialToken}, nil
	})
}

func TestAllowEndsTheStreamAtOnce(t *testing.T) {
	for _, endOfStream := range []bool{false, true} {
		g := start(t, remembering(t))
		c := g.open()
		c.send(headers(endOfStream, post()...))
		got := c.receive()
		require.Empty(t, cmp.Diff(wantAllow(t, decision), got, protocmp.Transform()))
		for _, o := range got.GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders() {
			requireOverwrite(t, o)
		}
		require.NoError(t, g.end(), "the handler returns although the client holds its half open")
		c.closed()
	}
}

// TestEncodedAnswersAreOrdinaryAnswers: what is sent reads like an answer that
// was encoded as a whole, and sending it changes none of the bytes it shares.
func TestEncodedAnswersAreOrdinaryAnswers(t *testing.T) {
	first, err := EncodeAllow(sampleAllow())
	require.NoError(t, err)
	fresh := bytes.Clone(first)
	server, err := New(Config{Engine: allowing(t)})
	require.NoError(t, err)
	codec, err := Codec()
	require.NoError(t, err)
	for range 2 {
		sent, err := codec.Marshal(server.allow(&verdict.Allowed{Answer: first, Credential: verdict.CredentialToken}, request{decision: decision}).message)
		require.NoError(t, err)
		got := new(extprocv3.ProcessingResponse)
		require.NoError(t, proto.Unmarshal(sent.Materialize(), got))
		require.Empty(t, cmp.Diff(wantAllow(t, decision), got, protocmp.Transform()))
		sent.Free()
	}
	require.Equal(t, fresh, first, "what was sent is still intact")
	for range 100 {
		again, err := EncodeAllow(sampleAllow())
		require.NoError(t, err)
		require.Equal(t, first, again, "equal input gives equal bytes")
	}
}

// TestSharedBytesAreNeverRecycled: grpc frees what it has sent, and a pool
// would then hand the cache's bytes to the next writer.
func TestSharedBytesAreNeverRecycled(t *testing.T) {
	codec, err := Codec()
	require.NoError(t, err)
	shared := bytes.Repeat([]byte{'s'}, 4096) // a size that grpc's pool keeps
	for range 100 {
		sent, err := codec.Marshal(&encoded{shared: shared})
		require.NoError(t, err)
		sent.Free()
		next := mem.DefaultBufferPool().Get(len(shared))
		copy(*next, "overwritten")
	}
	require.Equal(t, bytes.Repeat([]byte{'s'}, 4096), shared)
}

// TestSharedBytesHaveNoRoomForATail: an answer whose slice has room behind it is
// not appended to, or two requests would write their decisions to one place.
func TestSharedBytesHaveNoRoomForATail(t *testing.T) {
	exact, err := EncodeAllow(sampleAllow())
	require.NoError(t, err)
	roomy := append(make([]byte, 0, len(exact)+4096), exact...)
	codec, err := Codec()
	require.NoError(t, err)
	for name, shared := range map[string][]byte{"no room": slices.Clip(exact), "room": roomy} {
		server, err := New(Config{Engine: allowing(t)})
		require.NoError(t, err)
		allowed := &verdict.Allowed{Answer: shared, Credential: verdict.CredentialToken}
		ids := []string{decision, jsonrpc.NewDecision()}
		replies := make([]any, 0, len(ids))
		for _, id := range ids {
			replies = append(replies, server.allow(allowed, request{decision: id}).message)
		}
		for i, id := range ids {
			sent, err := codec.Marshal(replies[i])
			require.NoError(t, err)
			got := new(extprocv3.ProcessingResponse)
			require.NoError(t, proto.Unmarshal(sent.Materialize(), got))
			require.Empty(t, cmp.Diff(wantAllow(t, id), got, protocmp.Transform()), name)
		}
		behind := shared[len(shared):cap(shared)]
		require.Equal(t, make([]byte, len(behind)), behind, "%s: what is behind the shared bytes is not written to", name)
	}
}

func TestOtherMessagesPassTheCodecAsProtobuf(t *testing.T) {
	codec, err := Codec()
	require.NoError(t, err)
	require.Equal(t, "proto", codec.Name())
	out, err := codec.Marshal(wantAllow(t, decision))
	require.NoError(t, err)
	back := new(extprocv3.ProcessingResponse)
	require.NoError(t, codec.Unmarshal(out, back))
	require.Empty(t, cmp.Diff(wantAllow(t, decision), back, protocmp.Transform()))
	_, err = codec.Marshal("not a message")
	require.Error(t, err)
}

// TestDecisionIsSetWhenNoneIsUsable: the id goes beside the shared bytes, not
// into them, so that no two requests share one.
func TestDecisionIsSetWhenNoneIsUsable(t *testing.T) {
	g := start(t, remembering(t))
	seen := map[string]bool{}
	for name, ids := range map[string][]string{
		"none": nil, "empty": {""}, "short": {"abc"}, "braces": {"{" + decision[2:] + "}"}, "two": {decision, decision}, "joined": {decision + "," + decision},
	} {
		lines := append(make([]*corev3.HeaderValue, 0, 3), line(":method", "POST"))
		for _, id := range ids {
			lines = append(lines, line("x-request-id", id))
		}
		c := g.open()
		c.send(headers(false, lines...))
		got := c.receive()
		set := got.GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders()
		own := string(set[len(set)-1].GetHeader().GetRawValue())
		require.True(t, jsonrpc.ValidDecision(own), name)
		require.False(t, seen[own], "an id is shared")
		seen[own] = true
		require.Empty(t, cmp.Diff(wantAllow(t, own, option("x-request-id", own)), got, protocmp.Transform()), name)
		c.closed()
	}
	c := g.open()
	c.send(headers(false, post()...))
	require.Empty(t, cmp.Diff(wantAllow(t, decision), c.receive(), protocmp.Transform()), "the shared bytes hold nothing of those before")
}

func TestRejectionNamesTheDecisionToo(t *testing.T) {
	g := start(t, rejecting())
	c := g.open()
	c.send(headers(false, line(":method", "POST"), line("x-request-id", "7")))
	set := c.receive().GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders()
	require.Len(t, set, 1)
	requireOverwrite(t, set[0])
	require.Equal(t, "x-request-id", set[0].GetHeader().GetKey())
	c.send(body([]byte(`{"id":1,"method":"m"}`), true))
	require.Equal(t, string(set[0].GetHeader().GetRawValue()), immediate(t, c.receive()).Error.Data.Decision)
	require.Contains(t, g.logs.String(), string(set[0].GetHeader().GetRawValue()))
}
