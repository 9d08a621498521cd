package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Load says what traffic to send. Only URL has to be there.
type Load struct {
	URL string
	// Callers are who calls; nil means all of the world's.
	Callers []Caller
	// Each is how many callers with the same credential there are; 0 means 1.
	Each int
	// Every is the least time from the begin of a caller's call to that of the
	// next; 0 means that each calls again at once.
	Every time.Duration
	// Failures are the reasons with which Envoy may answer by itself; such an
	// answer is Bad, and any other reason Wrong. Nil means those of a guard that
	// is down or too slow.
	Failures []kubeheader.Reason
}

// Traffic is callers who call whoami without pause and take note of every
// answer. Even callers speak HTTP/2, odd ones HTTP/1.1, each on its own
// connection.
type Traffic struct {
	// Good answers name the caller and have the request's own id; Bad ones are
	// Envoy's readable word that the guard failed; Wrong are all others, and
	// requests that got none.
	Good, Bad, Wrong atomic.Int64

	load Load
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	wrong   []error
	reasons map[string]int
	took    []time.Duration
	lastBad time.Time
}

const (
	wrongKept  = 20  // errors that Errors gives
	wrongLimit = 100 // after so many of its own a caller gives up
)

// StartTraffic sends calls until Stop, or the end of the test.
func (w *World) StartTraffic(tb testing.TB, load Load) *Traffic {
	tb.Helper()
	if load.Callers == nil {
		load.Callers = w.Callers()
	}
	if load.Failures == nil {
		load.Failures = []kubeheader.Reason{kubeheader.ReasonGuardUnavailable, kubeheader.ReasonGuardTimeout}
	}
	tr := &Traffic{load: load, reasons: map[string]int{}}
	ctx, stop := context.WithCancel(tb.Context())
	tr.stop = stop
	number := 0
	for range max(load.Each, 1) {
		for _, c := range load.Callers {
			client := NewClient(tb, number%2 == 0)
			tr.done.Go(func() { tr.call(ctx, client, c, number) })
			number++
		}
	}
	tb.Cleanup(tr.Stop)
	return tr
}

// call is one caller.
func (tr *Traffic) call(ctx context.Context, client *harness.Client, c Caller, number int) {
	headers := c.Headers.With("MCP-Protocol-Version", "2025-11-25")
	pace := time.NewTimer(0)
	defer pace.Stop()
	for n, wrong := 0, 0; wrong < wrongLimit; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		pace.Reset(tr.load.Every)
		id := fmt.Sprintf(`"%d-%d"`, number, n)
		begun := time.Now()
		// Not ctx: a call that was begun is always read to its end, so that the
		// counts agree.
		res, err := client.Post(context.WithoutCancel(ctx), tr.load.URL, headers,
			`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}},"id":`+id+`}`)
		if err == nil {
			err = tr.note(c.User, id, begun, res)
		}
		if err != nil {
			wrong++
			tr.mistake(fmt.Errorf("caller %d, %s: %w", number, c.User, err))
		}
	}
}

// note counts an answer.
func (tr *Traffic) note(user, id string, begun time.Time, res harness.Response) error {
	took := time.Since(begun)
	if who, err := DecodeUser(res); err == nil {
		rpc, err := res.RPC()
		switch {
		case err != nil:
			return err
		case who != user:
			return fmt.Errorf("was taken for %s", who)
		case string(rpc.ID) != id:
			return fmt.Errorf("got the answer to %s instead of %s", rpc.ID, id)
		}
		tr.mu.Lock()
		tr.took = append(tr.took, took)
		tr.mu.Unlock()
		tr.Good.Add(1)
		return nil
	}
	var differences []error
	for _, reason := range tr.load.Failures {
		err := fromEnvoy(reason).Differs(res)
		if err == nil {
			tr.mu.Lock()
			tr.reasons[reason.String()]++
			tr.lastBad = begun
			tr.mu.Unlock()
			tr.Bad.Add(1)
			return nil
		}
		differences = append(differences, err)
	}
	return errors.Join(append(differences, errors.New("neither the caller's answer nor a readable failure"))...)
}

func (tr *Traffic) mistake(err error) {
	tr.mu.Lock()
	if len(tr.wrong) < wrongKept {
		tr.wrong = append(tr.wrong, err)
	}
	tr.mu.Unlock()
	tr.Wrong.Add(1)
}

// Stop ends the traffic once the calls under way are answered. It may be called
// again.
func (tr *Traffic) Stop() {
	tr.stop()
	tr.done.Wait()
}

// Errors are the first of the wrong answers.
func (tr *Traffic) Errors() []error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.wrong)
}

// Reasons counts the bad answers by reason.
func (tr *Traffic) Reasons() map[string]int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return maps.Clone(tr.reasons)
}

// LastBad is when the call was begun that was the last to get a bad answer; the
// zero time without one.
func (tr *Traffic) LastBad() time.Time {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.lastBad
}

// Percentile is the time within which this share of the good answers came, from
// 0 to 1; 0 without any.
func (tr *Traffic) Percentile(share float64) time.Duration {
	tr.mu.Lock()
	took := slices.Clone(tr.took)
	tr.mu.Unlock()
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(int(share*float64(len(took))), len(took)-1)]
}

// String is the result in one line, for T.Log.
func (tr *Traffic) String() string {
	return fmt.Sprintf("%d good answers (half within %s, 99 of 100 within %s), %d readable failures %v, %d wrong",
		tr.Good.Load(), tr.Percentile(0.5).Round(time.Microsecond), tr.Percentile(0.99).Round(time.Microsecond),
		tr.Bad.Load(), tr.Reasons(), tr.Wrong.Load())
}

// More waits until one more of these answers has come for each caller, Good or
// Bad; it may take 10 s.
func (tr *Traffic) More(tb testing.TB, count *atomic.Int64) {
	tb.Helper()
	want := count.Load() + int64(max(tr.load.Each, 1)*len(tr.load.Callers))
	require.NoError(tb, harness.Until(Soon(tb), func(context.Context) error {
		if n := count.Load(); n < want {
			return fmt.Errorf("%d of %d answers", n, want)
		}
		return nil
	}))
}
