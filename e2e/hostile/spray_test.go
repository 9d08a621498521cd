package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const (
	// sprayed is how many credentials that nobody has seen are tried.
	sprayed = 100_000
	// cacheBytes bounds the guard's cache here, so that the spray is many times
	// what it holds; slack is for the rest of a Go program under load.
	cacheBytes = 16 << 20
	slack      = 64 << 20
)

// TestSpray: a hundred thousand credentials, as fast as the guard takes them and
// past Envoy, which would not let them come so fast. The guard's memory keeps
// its bound, and a caller who was there before is remembered all the while.
func TestSpray(t *testing.T) {
	s := world.StartStack(t, harness.Options{
		PolicyExtra: fmt.Sprintf("limits:\n  guard:\n    cacheBytes: %d\n    drain: 500ms\n", cacheBytes),
	})
	honest := world.StartTraffic(t, rig.Load{URL: s.URL, Every: 20 * time.Millisecond})
	honest.More(t, &honest.Good)
	before := resident(t, s.Extproc)
	conn, err := grpc.NewClient(s.GuardAddress(0), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()

	var most, number atomic.Int64
	var workers sync.WaitGroup
	failures := make(chan error, 1)
	for range 8 {
		workers.Go(func() {
			for n := number.Add(1); n <= sprayed; n = number.Add(1) {
				if err := spray(t.Context(), extprocv3.NewExternalProcessorClient(conn), n); err != nil {
					select {
					case failures <- err:
					default:
					}
					return
				}
				if n%1000 == 0 {
					most.Store(max(most.Load(), int64(resident(t, s.Extproc))))
				}
			}
		})
	}
	workers.Wait()
	honest.More(t, &honest.Good)
	honest.Stop()
	t.Logf("the guard grew from %d to at most %d MiB; honest: %s; decisions: %s", before>>20, most.Load()>>20, honest, decisions(t, s))

	require.Empty(t, failures)
	require.LessOrEqual(t, int(most.Load())-before, cacheBytes+slack)
	require.Zero(t, honest.Bad.Load()+honest.Wrong.Load(), "%v", honest.Errors())
	require.GreaterOrEqual(t, hitShare(t, s, honest.Good.Load()), 0.9, "the spray pushed the honest out of the cache")
}

// spray asks for a verdict on alice's request with a token of its own, and wants
// it allowed: only then is it remembered.
func spray(ctx context.Context, client extprocv3.ExternalProcessorClient, n int64) error {
	stream, err := client.Process(ctx)
	if err != nil {
		return err
	}
	headers := world.Cluster.Token("alice").With(kubeheader.Authorization, token(n)).
		Plus(":method", "POST").Plus(":path", "/mcp").Plus("x-forwarded-proto", "http").
		Plus("x-request-id", "11111111-2222-4333-8444-555555555555")
	var sent []*corev3.HeaderValue
	for _, h := range headers {
		sent = append(sent, &corev3.HeaderValue{Key: h.Name, RawValue: []byte(h.Value)})
	}
	if err := stream.Send(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: sent}},
	}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if verdict := answer.GetDynamicMetadata().GetFields()["kube_guard"].GetStructValue().GetFields()["verdict"].GetStringValue(); verdict != "allow" {
		return fmt.Errorf("verdict %q", verdict)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream went on: %w", err)
	}
	return nil
}
