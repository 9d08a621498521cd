package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// How many lines a second the log takes. A flood of bad requests must neither
// slow the guard down nor fill a disk, and it must not push out of sight what
// happens beside it. So each kind of line, told apart by message and reason, has
// a small allowance that no other can use up, and all draw on one more for
// bursts. What was left out is counted in the next line of its kind; metrics and
// Envoy's access log have every request.
//
// A flood of one kind writes 22 lines a second, all fifty kinds at once 120:
// about 0.6 and 3 GB a day.
const (
	ownRate, ownBurst       = 2, 50
	sharedRate, sharedBurst = 20, 500
)

// journal writes the log. It is safe for concurrent use.
type journal struct {
	log *slog.Logger

	mu     sync.Mutex
	kinds  map[kind]*allowance
	shared bucket
}

// kind tells lines apart. Both parts are constants of this program.
type kind struct {
	message string
	reason  kubeheader.Reason // 0 if the line is not about one
}

// allowance is what one kind of line may take, and what it had to leave out.
type allowance struct {
	bucket

	suppressed uint64
}

func newJournal(log *slog.Logger) *journal { return &journal{log: log, kinds: map[kind]*allowance{}} }

// write adds a line of a kind, unless there were too many of late. Its
// attributes are only asked for if it is written.
func (j *journal) write(level slog.Level, message string, reason kubeheader.Reason, attributes func() []slog.Attr) {
	ctx := context.Background() // the log is not the request's: it is written after its end too
	if !j.log.Enabled(ctx, level) {
		return
	}
	suppressed, ok := j.admit(kind{message, reason}, time.Now())
	if !ok {
		return
	}
	attrs := attributes()
	if suppressed > 0 {
		attrs = append(attrs, slog.Uint64("suppressed", suppressed))
	}
	j.log.LogAttrs(ctx, level, message, attrs...)
}

// admit says whether a line may be written and how many before it were not.
func (j *journal) admit(k kind, now time.Time) (suppressed uint64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := j.kinds[k]
	if a == nil {
		a = new(allowance)
		j.kinds[k] = a
	}
	if !a.take(now, ownRate, ownBurst) && !j.shared.take(now, sharedRate, sharedBurst) {
		a.suppressed++
		return 0, false
	}
	suppressed, a.suppressed = a.suppressed, 0
	return suppressed, true
}

// debug adds a line without a limit: whoever turned it on wants all of them.
func (j *journal) debug(message string, attrs ...slog.Attr) {
	j.log.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}

func (j *journal) verbose() bool { return j.log.Enabled(context.Background(), slog.LevelDebug) }

// bucket is a token bucket that is full at first.
type bucket struct {
	used float64 // of the burst
	at   time.Time
}

func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if !b.at.IsZero() {
		b.used = max(0, b.used-rate*max(0, now.Sub(b.at).Seconds()))
	}
	b.at = now
	if b.used+1 > burst {
		return false
	}
	b.used++
	return true
}

// tellAllowed writes what is worth a line of an accepted request: that the
// policy let it through, and for which reasons it would have been rejected.
func (s *Server) tellAllowed(e Event) {
	if len(e.Reported) == 0 {
		if s.journal.verbose() { // on the fast path even the attributes would cost
			s.journal.debug("request allowed", slog.String("decision", e.Decision))
		}
		return
	}
	s.journal.write(slog.LevelInfo, "request would be rejected", e.Reported[0].Reason, func() []slog.Attr {
		reasons := make([]string, len(e.Reported))
		for i, p := range e.Reported {
			reasons[i] = p.Reason.String()
		}
		return s.withHost(e.Host, slog.String("decision", e.Decision), slog.Any("reasons", reasons))
	})
}

func (s *Server) tellRejected(e Event) {
	s.journal.write(slog.LevelInfo, "request rejected", e.Reason, func() []slog.Attr {
		return s.withHost(e.Host, slog.String("decision", e.Decision), slog.String("reason", e.Reason.String()),
			slog.String("header", e.Header), slog.Int("problems", e.Problems))
	})
}

// withHost adds the host in the form that the operator wants to see.
func (s *Server) withHost(host string, attrs ...slog.Attr) []slog.Attr {
	if host != "" {
		host = s.config.HostForm(host)
	}
	if host == "" {
		return attrs
	}
	return append(attrs, slog.String("host", host))
}
