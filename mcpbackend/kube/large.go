package kube

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// What a large answer may take. Small ones are read by as many calls as there
// are; large ones by few at once, or a handful of callers with servers of their
// own could have the memory of everybody.
const (
	// smallAnswer is the most that an answer may have to be a small one, in bytes:
	// 100 rows of a table have about 150 KiB.
	smallAnswer = 256 << 10
	// largeAtOnce is how many large answers are read at once, and largeEach how
	// many of one server.
	largeAtOnce = 4
	largeEach   = 2
	// largeWait is how long a large answer waits for its turn, and largeTime how
	// long it may take then: who sends slower would keep the others waiting.
	largeWait = 5 * time.Second
	largeTime = 5 * time.Second
)

// errCrowded means that a large answer got no turn.
var errCrowded = errors.New("too many large answers are being read")

// large gives turns to large answers.
type large struct {
	all  *semaphore.Weighted
	each portions
}

func newLarge() *large {
	return &large{all: semaphore.NewWeighted(largeAtOnce), each: portions{size: largeEach}}
}

// portions are what each target may have of something that all share.
type portions struct {
	size int64

	mu sync.Mutex
	of map[target]*portion
}

// portion is that of one target. It lasts as long as somebody uses it.
type portion struct {
	free  *semaphore.Weighted
	users int
}

func (p *portions) join(of target) *portion {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine, ok := p.of[of]
	if !ok {
		if p.of == nil {
			p.of = map[target]*portion{}
		}
		mine = &portion{free: semaphore.NewWeighted(p.size)}
		p.of[of] = mine
	}
	mine.users++
	return mine
}

func (p *portions) leave(of target, mine *portion) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(p.of, of)
	}
}

// read is io.ReadAll for an answer of the target. The rest of a large one is read
// when its turn has come; closing the body ends a read that takes too long.
func (l *large) read(ctx context.Context, of target, body io.ReadCloser) ([]byte, error) {
	begin, err := io.ReadAll(io.LimitReader(body, smallAnswer))
	if err != nil || len(begin) < smallAnswer {
		return begin, err
	}
	give, err := l.take(ctx, of)
	if err != nil {
		return nil, err
	}
	defer give()
	late := time.AfterFunc(largeTime, func() { _ = body.Close() })
	rest, err := readPieces(body)
	if !late.Stop() && err != nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return nil, err
	}
	whole := slices.Grow(begin, rest.size)
	for _, p := range rest.pieces {
		whole = append(whole, p...)
	}
	return whole, nil
}

// pieces are what was read, not yet in one piece: a buffer that grows would
// leave several times its size behind.
type pieces struct {
	pieces [][]byte
	size   int
}

func readPieces(body io.Reader) (out pieces, err error) {
	for err == nil {
		piece, n := make([]byte, smallAnswer), 0
		for n < len(piece) && err == nil {
			var read int
			read, err = body.Read(piece[n:])
			n += read
		}
		out.pieces, out.size = append(out.pieces, piece[:n]), out.size+n
	}
	if !errors.Is(err, io.EOF) { // not io.ReadFull, which calls a body that was cut off an end
		return pieces{}, err
	}
	return out, nil
}

// take waits for a turn, first among the answers of the same server.
func (l *large) take(ctx context.Context, of target) (give func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, largeWait, errCrowded)
	defer cancel()
	mine := l.each.join(of)
	if mine.free.Acquire(ctx, 1) != nil {
		l.each.leave(of, mine)
		return nil, context.Cause(ctx)
	}
	if l.all.Acquire(ctx, 1) != nil {
		mine.free.Release(1)
		l.each.leave(of, mine)
		return nil, context.Cause(ctx)
	}
	return func() {
		l.all.Release(1)
		mine.free.Release(1)
		l.each.leave(of, mine)
	}, nil
}
