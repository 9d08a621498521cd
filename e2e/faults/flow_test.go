package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// calls is one kind of call that comes again and again.
type calls struct {
	url     string
	callers []caller
	every   time.Duration // between two calls
	// witnessed says that the witness stands behind this URL, not the backend.
	witnessed bool
}

// outcome is one answer, by when its call was sent.
type outcome struct {
	sent time.Time
	well bool
}

// counts are the answers so far.
type counts struct {
	good, rejected int // those of good callers that were served, of bad ones that the guard refused
	failed         int // errors in place of either
	reasons        map[kubeheader.Reason]int
}

func (c counts) requests() int { return c.good + c.rejected + c.failed }

// flow is callers who do not wait for each other: however long an answer takes,
// the next call is sent at its time, as by many people at once.
type flow struct {
	// tells are the reasons that an error may have, by the class of the caller.
	tells func(class) []kubeheader.Reason

	mu       sync.Mutex
	counts   counts
	served   map[string]int // good answers of the backend's, not of the witness's
	outcomes []outcome
	pending  map[int]time.Time // calls under way, by number
	wrong    []error           // answers that nobody may get
	sent     int

	stop    context.CancelFunc
	callers sync.WaitGroup
}

// maxPending is far more than a fault of two seconds lets pile up.
const maxPending = 2048

// startFlow begins to call; Stop ends it.
func startFlow(t *testing.T, tells func(class) []kubeheader.Reason, streams ...calls) *flow {
	t.Helper()
	f := &flow{tells: tells, pending: map[int]time.Time{}, served: map[string]int{}}
	f.counts.reasons = map[kubeheader.Reason]int{}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(t.Context())
	for _, s := range streams {
		clients := []*harness.Client{harness.NewClient(false), harness.NewClient(true)}
		for _, c := range clients {
			t.Cleanup(c.Close)
		}
		f.callers.Go(func() { f.run(ctx, s, clients) })
	}
	t.Cleanup(f.Stop)
	return f
}

// Stop sends no more, and returns when all that was sent is answered.
func (f *flow) Stop() {
	f.stop()
	f.callers.Wait()
}

// run sends the calls of one stream, each on its own goroutine, by turns from
// each caller and over both protocols.
func (f *flow) run(ctx context.Context, s calls, clients []*harness.Client) {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		number, ok := f.begin()
		if !ok {
			continue // wrong enough already
		}
		c, client := s.callers[i%len(s.callers)], clients[i/len(s.callers)%len(clients)]
		f.callers.Go(func() {
			// Not ctx: a call that was begun is read to its end.
			f.call(context.WithoutCancel(ctx), s, c, client, number)
		})
	}
}

func (f *flow) begin() (number int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) >= maxPending {
		f.wrong = append(f.wrong, errors.New("answers do not come any more"))
		return 0, false
	}
	f.sent++
	f.pending[f.sent] = time.Now()
	return f.sent, true
}

// call makes one call and takes note of the answer.
func (f *flow) call(ctx context.Context, s calls, c caller, client *harness.Client, number int) {
	id := fmt.Sprintf(`"f-%d"`, number)
	version := legacyVersion
	if c.modern {
		version = modernVersion
	}
	headers := c.headers.With("MCP-Protocol-Version", version).With(markHeader, string(c.class))
	if c.method == "" {
		c.method = http.MethodPost
	}
	var body io.Reader
	if c.method == http.MethodPost {
		body = strings.NewReader(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}},"id":` + id + `}`)
	}
	res, err := client.Do(ctx, c.method, s.url, headers, body)
	if err != nil {
		f.note(number, c, 0, fmt.Errorf("no answer: %w", err))
		return
	}
	reason, err := f.read(res, s, c, id)
	f.note(number, c, reason, err)
	if reason == 0 && err == nil && !s.witnessed {
		f.mu.Lock()
		f.served[c.user]++
		f.mu.Unlock()
	}
}

// read says which reason an answer gives, 0 for a result, and whether this
// caller may get that answer.
func (f *flow) read(res harness.Response, s calls, c caller, id string) (kubeheader.Reason, error) {
	if c.class == bad {
		return refused(res, c, id, append([]kubeheader.Reason{c.reason}, f.tells(bad)...))
	}
	user := c.user
	if s.witnessed {
		user = witnessed
	}
	if err := served(res, user, id); !errors.Is(err, errNoResult) {
		return 0, err
	}
	return refused(res, c, id, f.tells(c.class))
}

// note counts an answer. A bad caller is well served with his reason.
func (f *flow) note(number int, c caller, reason kubeheader.Reason, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	well := err == nil && reason == c.reason
	f.outcomes = append(f.outcomes, outcome{f.pending[number], well})
	delete(f.pending, number)
	const enough = 10
	switch {
	case err != nil:
		f.counts.failed++
		if len(f.wrong) < enough {
			f.wrong = append(f.wrong, fmt.Errorf("class %s: %w", c.class, err))
		}
	case !well:
		f.counts.failed++
		f.counts.reasons[reason]++
	case c.class == bad:
		f.counts.rejected++
	default:
		f.counts.good++
	}
}

// include adds what came of another flow, which has ended.
func (f *flow) include(o *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.good += o.counts.good
	f.counts.rejected += o.counts.rejected
	f.counts.failed += o.counts.failed
	for reason, n := range o.counts.reasons {
		f.counts.reasons[reason] += n
	}
	f.wrong = append(f.wrong, o.wrong...)
}

// Counts are the answers until now.
func (f *flow) Counts() counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.counts
	out.reasons = map[kubeheader.Reason]int{}
	maps.Copy(out.reasons, f.counts.reasons)
	return out
}

// window is how long nothing may fail before all counts as well again.
const window = time.Second

// calm is how long after a moment a second began in which every call that was
// sent was answered well. It is by when calls were sent: one that was sent a
// moment before the end of a fault may fail two seconds later, for what it met.
func (f *flow) calm(after time.Time) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, well := after, 0
	for _, o := range f.outcomes {
		if !o.well && o.sent.After(from) {
			from = o.sent.Add(time.Nanosecond)
		}
	}
	if left := window - time.Since(from); left > 0 {
		return 0, fmt.Errorf("a call failed %s ago", time.Since(from).Round(time.Millisecond))
	}
	for _, sent := range f.pending {
		if sent.Before(from.Add(window)) && sent.After(after) {
			return 0, errors.New("a call is not answered yet")
		}
	}
	for _, o := range f.outcomes {
		if o.well && !o.sent.Before(from) {
			well++
		}
	}
	const enough = 20 // or the second shows nothing
	if well < enough {
		return 0, fmt.Errorf("%d calls in the second", well)
	}
	return from.Sub(after), nil
}
