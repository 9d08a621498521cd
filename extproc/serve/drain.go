package serve

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
)

// HealthInterval is how often the shipped Envoy configurations probe the guard.
const HealthInterval = 2 * time.Second

// drain stops the server within budget, in three steps. First the health
// service says NOT_SERVING while everything is still accepted, for two health
// intervals, so that Envoy has stopped choosing this guard before it stops
// answering. Then no new stream is taken and those under way finish. What is
// left when the budget ends is cut off: an open stream ends with an error,
// which Envoy takes as a refusal.
func drain(server *grpc.Server, probes *health.Server, budget time.Duration) {
	cut := time.AfterFunc(budget, server.Stop)
	defer cut.Stop()
	probes.Shutdown()
	noticed := time.NewTimer(min(2*HealthInterval, budget/2))
	defer noticed.Stop()
	<-noticed.C
	server.GracefulStop()
}
