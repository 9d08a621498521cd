package stream

import (
	"context"
	"io"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/trial"
	"kubernetes-mcp-edge/extproc/verdict"
)

// oneMessage is a stream that brings one message and takes any answer.
type oneMessage struct {
	extprocv3.ExternalProcessor_ProcessServer

	message *extprocv3.ProcessingRequest
}

func (s *oneMessage) Context() context.Context { return context.Background() }
func (s *oneMessage) SendMsg(any) error        { return nil }
func (s *oneMessage) Recv() (m *extprocv3.ProcessingRequest, err error) {
	if m, s.message = s.message, nil; m == nil {
		return nil, io.EOF
	}
	return m, nil
}

// TestTailsAreOrdinaryMetadata: what is written by hand reads like what protobuf
// writes, for every credential and with and without an id of the guard's own.
func TestTailsAreOrdinaryMetadata(t *testing.T) {
	tails, err := newTails()
	require.NoError(t, err)
	shared, err := EncodeAllow(sampleAllow())
	require.NoError(t, err)
	credentials := []string{
		verdict.CredentialToken, verdict.CredentialClientCertificate, verdict.CredentialAnonymous,
		"", "one that a later version adds, so long that its length takes two bytes: 0123456789012345678901234567890123456789012345678901234567890123456789",
	}
	for _, credential := range credentials {
		for _, named := range []bool{false, true} {
			id := jsonrpc.NewDecision()
			want := new(extprocv3.ProcessingResponse)
			require.NoError(t, proto.Unmarshal(shared, want))
			want.DynamicMetadata = metadata("allow", "", credential, id)
			if named {
				mutation := want.GetRequestHeaders().GetResponse().GetHeaderMutation()
				mutation.SetHeaders = append(mutation.GetSetHeaders(), overwrite(decisionHeader, []byte(id)))
			}
			got := new(extprocv3.ProcessingResponse)
			tail := tails.of(credential, id, named)
			require.NoError(t, proto.Unmarshal(append(append([]byte(nil), shared...), tail...), got))
			require.Empty(t, cmp.Diff(want, got, protocmp.Transform()), credential)
			require.Equal(t, len(tail), cap(tail), "the buffer has the size that is needed")
			require.Equal(t, proto.Size(want), len(shared)+len(tail)-overhead(named), "no byte too many")
		}
	}
}

// overhead is what the headers of the second submessage cost: that of the answer,
// of the common response and of the mutation, two bytes each.
func overhead(named bool) int {
	if named {
		return 6
	}
	return 0
}

// TestMapEntriesAreReplaced is why the shared bytes hold no metadata: a second
// entry of a map takes the place of the first.
func TestMapEntriesAreReplaced(t *testing.T) {
	first, err := proto.Marshal(&extprocv3.ProcessingResponse{DynamicMetadata: metadata("allow", "", "token", "")})
	require.NoError(t, err)
	whole := metadata("", "", "", decision)
	delete(whole.GetFields()[MetadataNamespace].GetStructValue().GetFields(), metadataVerdict)
	second, err := proto.Marshal(&extprocv3.ProcessingResponse{DynamicMetadata: whole})
	require.NoError(t, err)
	got := new(extprocv3.ProcessingResponse)
	require.NoError(t, proto.Unmarshal(append(first, second...), got))
	require.Empty(t, cmp.Diff(whole, got.GetDynamicMetadata(), protocmp.Transform()))
}

// TestAllocsOfAnswer: reading the headers of an accepted request takes six
// slices and strings, whatever their number, and its answer two: the message and
// what is of this request in it. The rest is the exchange.
func TestAllocsOfAnswer(t *testing.T) {
	accepted := &verdict.Allowed{Answer: []byte("answer"), Credential: verdict.CredentialToken}
	server, err := New(Config{Engine: decide(func(verdict.Facts) (verdict.Verdict, error) { return accepted, nil })})
	require.NoError(t, err)
	codec, err := Codec()
	require.NoError(t, err)
	m := headers(false, post(line("kubernetes-server", "https://api.example.com"), line("kubernetes-authorization", "x"))...)
	trial.Allocs(t, trial.Budget{Plain: 10, Race: 12}, func() {
		x := exchange{server: server, stream: idleStream{}}
		out, err := x.answer(m)
		require.NoError(t, err)
		sent, err := codec.Marshal(out.message)
		require.NoError(t, err)
		sent.Free()
	})
}
