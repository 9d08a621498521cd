package stream

import (
	"errors"
	"io"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"kubernetes-mcp-edge/extproc/verdict"
)

// byHeader allows or rejects as the request asks.
func byHeader(t *testing.T) Decider {
	t.Helper()
	yes, no := allowing(t), rejecting()
	return decide(func(f verdict.Facts) (verdict.Verdict, error) {
		if string(f.Fields[0].Value.Reveal()) == "allow" {
			return yes(f)
		}
		return no(f)
	})
}

// moves are all that a client can send. The last two end its half.
var moves = []string{
	"allowed", "rejected", "rejected without body", "body", "trailers", "response headers",
	"response body", "response trailers", "no phase", "unknown phase", "half-close", "cancel",
}

func wire(move string) *extprocv3.ProcessingRequest {
	switch move {
	case "allowed":
		return headers(false, post(line("kubernetes-server", "allow"))...)
	case "rejected", "rejected without body":
		return headers(move != "rejected", post(line("kubernetes-server", "reject"))...)
	case "body":
		return body([]byte(`{"id":1,"method":"m"}`), true)
	case "trailers":
		return trailers()
	case "response headers":
		return responseHeaders()
	case "response body":
		return responseBody()
	case "response trailers":
		return responseTrailers()
	case "unknown phase":
		return unknown()
	default:
		return phaseless()
	}
}

// model is the protocol as the package documents it, in one switch.
type model struct{ owed, over bool }

// step says how many answers a move brings, and with what status the stream
// ends if it does.
func (m *model) step(move string) (answers int, ends codes.Code) {
	m.over = true
	switch {
	case !m.owed && move == "allowed", !m.owed && move == "rejected without body":
		return 1, codes.OK
	case !m.owed && move == "rejected":
		m.owed, m.over = true, false
		return 1, codes.OK
	case m.owed && (move == "body" || move == "trailers"):
		return 1, codes.OK
	case move == "half-close" && !m.owed:
		return 0, codes.OK
	case move == "half-close":
		return 0, codes.Aborted
	case move == "cancel":
		return 0, codes.Canceled
	case move == "no phase", move == "unknown phase":
		return 0, codes.InvalidArgument
	default:
		return 0, codes.FailedPrecondition
	}
}

// TestSequences plays random sequences, most of them illegal, against the
// model: one answer per message, and a clean end only when nothing is owed.
func TestSequences(t *testing.T) {
	g := start(t, byHeader(t))
	rapid.Check(t, func(rt *rapid.T) {
		c, m := g.open(), model{}
		<-g.entered
		for !m.over {
			move := rapid.SampledFrom(moves).Draw(rt, "move")
			switch move {
			case "half-close":
				require.NoError(rt, c.stream.CloseSend())
			case "cancel":
				c.cancel()
			default:
				require.NoError(rt, c.stream.Send(wire(move)))
			}
			answers, ends := m.step(move)
			for range answers {
				_, err := c.stream.Recv()
				require.NoError(rt, err)
			}
			if !m.over {
				continue
			}
			require.Equal(rt, ends, status.Code(g.end()))
			_, err := c.stream.Recv()
			require.Equal(rt, ends == codes.OK, errors.Is(err, io.EOF), "a clean end and nothing after it, or neither")
		}
		c.cancel()
	})
}
