package serve

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
)

// HealthInterval is how often the shipped Envoy configurations probe the guard,
// which they leave after two failed probes.
const HealthInterval = time.Second

// noticed is by when Envoy has left: two intervals and the answer to the second
// probe.
const noticed = 2*HealthInterval + HealthInterval/2

// drain stops the server within budget, in three steps. First the health
// service says NOT_SERVING while everything is still accepted, until two
// probes have failed, so that Envoy has stopped choosing this guard before it stops
// answering. Then no new stream is taken and those under way finish. What is
// left when the budget ends is cut off: an open stream ends with an error,
// which Envoy takes as a refusal.
func drain(server *grpc.Server, probes *health.Server, budget time.Duration) {
	cut := time.AfterFunc(budget, server.Stop)
	defer cut.Stop()
	probes.Shutdown()
	left := time.NewTimer(min(noticed, budget/2))
	defer left.Stop()
	<-left.C
	server.GracefulStop()
}
