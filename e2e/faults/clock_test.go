package faults

import (
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/verdict"
)

// newGuardOutOfTime starts a fake: the guard's own rooms, put together as the
// program does, but with a clock that is wrong by an offset. The program has no
// switch for that, so that nobody can lie to it about the time.
func (l *lab) newGuardOutOfTime(t *testing.T, offset time.Duration) string {
	t.Helper()
	file, err := os.OpenFile(l.fakeLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	keys, err := proof.LoadSigningKeys(l.signingKey())
	require.NoError(t, err)
	signer, err := proof.NewSigner(keys, rig.Audience)
	require.NoError(t, err)
	engine, err := verdict.New(verdict.Config{
		Policy: func() *policy.Policy { return l.rules }, Signer: signer, Audience: rig.Audience, Encode: stream.EncodeAllow,
	})
	require.NoError(t, err)
	streams, err := stream.New(stream.Config{
		Engine: engine,
		Now:    func() time.Time { return time.Now().Add(offset) },
		Log:    slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	codec, err := stream.Codec()
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec))
	streams.Register(server)
	serveHealth(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
		engine.Close()
		_ = file.Close()
	})
	return listener.Addr().String()
}

// clockRows are those in which the guard's clock is not the backend's. Proofs
// are good from 5 s before they were made until 5 s after they end; they end
// 30 s after they were made and are given out for 10 s.
func clockRows() []row {
	rows := []row{
		{name: "the guard's clock +4 s", passes: true, expected: "all pass: a proof may be made up to 5 s from now"},
		{name: "the guard's clock -10 s", passes: true, expected: "all pass: a proof is good for 30 s, and 10 s old at most when it is given out"},
		{
			name: "the guard's clock +10 s", expected: "the backend refuses every proof: made more than 5 s from now",
			tells: told(nil),
		},
		{
			name: "the guard's clock +1 h", expected: "the backend refuses every proof; the guard refuses tokens that end within the hour",
			tells: told(map[class]kubeheader.Reason{jwt: kubeheader.ReasonTokenExpired}),
		},
		{
			name:     "the guard's clock -1 h",
			expected: "the backend refuses every proof; the guard refuses certificates and authorities that began within the hour",
			tells: told(map[class]kubeheader.Reason{
				certificate: kubeheader.ReasonClientCertificateNotYetValid, youngCA: kubeheader.ReasonCertificateAuthorityExpired,
			}),
		},
	}
	for i, offset := range []time.Duration{4 * time.Second, -10 * time.Second, 10 * time.Second, time.Hour, -time.Hour} {
		late := func(s *scene) string { return s.newGuardOutOfTime(s.t, offset) }
		if rows[i].passes {
			rows[i].before = late
			rows[i].strike = func(s *scene) time.Time {
				s.answers(300)
				return time.Now()
			}
			continue
		}
		rows[i].strike = instead(late, many)
	}
	return rows
}

// told is one reason for some classes, and an expired proof for the others. The
// change of guard breaks what is on the way.
func told(special map[class]kubeheader.Reason) func(class) []kubeheader.Reason {
	return func(c class) []kubeheader.Reason {
		if reason, ok := special[c]; ok {
			return []kubeheader.Reason{reason, kubeheader.ReasonGuardUnavailable}
		}
		return []kubeheader.Reason{kubeheader.ReasonProofExpired, kubeheader.ReasonGuardUnavailable}
	}
}
