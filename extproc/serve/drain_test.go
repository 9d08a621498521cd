package serve

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/stream"
)

func (r *running) health(service string) healthv1.HealthCheckResponse_ServingStatus {
	r.t.Helper()
	response, err := healthv1.NewHealthClient(r.conn).Check(context.Background(), &healthv1.HealthCheckRequest{Service: service})
	require.NoError(r.t, err)
	return response.GetStatus()
}

func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// TestDrain is the life of a guard that is told to end, second by second.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(g *guard) { g.limits.Drain = 10 * time.Second })
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, r.health(""))
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, r.health(stream.ServiceName))
		began := time.Now()
		r.stop()
		synctest.Wait()
		require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, r.health(""))
		require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, r.health(stream.ServiceName))
		pass(2 * HealthInterval)
		waiting, answer := r.ask(post()...)
		require.Equal(t, "reject", verdictOf(answer), "what Envoy still sends is still answered")
		pass(noticed - 2*HealthInterval)
		synctest.Wait()

		_, err := r.listener.Dial()
		require.Error(t, err, "after that nothing new is taken")
		require.Empty(t, r.ended, "but what is under way may finish")
		require.NoError(t, waiting.Send(body([]byte(`{"id":1,"method":"m"}`))))
		answer, err = waiting.Recv()
		require.NoError(t, err)
		require.NotNil(t, answer.GetImmediateResponse())
		require.NoError(t, <-r.ended)
		require.Equal(t, noticed, time.Since(began), "nothing is waited for that has ended")
	})
}

func TestDrainCutsOffWhatOutlastsTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(g *guard) { g.limits.Drain = 3 * time.Second })
		held := r.open() // nothing is owed on it, so no deadline of its own ends it
		synctest.Wait()
		began := time.Now()
		r.stop()
		require.NoError(t, <-r.ended)
		require.LessOrEqual(t, time.Since(began), 3*time.Second)
		_, err := held.Recv()
		require.Equal(t, codes.Unavailable, status.Code(err), "a stream that is cut off never looks clean")
	})
}
