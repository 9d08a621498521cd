package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// heldBody is a body that ends when it is let go, or is closed.
type heldBody struct {
	io.Reader

	closed context.CancelFunc
}

// Close is io.Closer's.
func (b heldBody) Close() error {
	if b.closed != nil {
		b.closed()
	}
	return nil
}

// stalled has the bytes of a large answer, and then nothing until ctx ends. It
// counts when more is read.
func stalled(ctx context.Context, begun *atomic.Int64) heldBody {
	ctx, cancel := context.WithCancel(ctx)
	return heldBody{closed: cancel, Reader: io.MultiReader(strings.NewReader(strings.Repeat("x", smallAnswer)), readerFunc(func([]byte) (int, error) {
		begun.Add(1)
		<-ctx.Done()
		return 0, errors.New("closed")
	}))}
}

type readerFunc func([]byte) (int, error)

// Read is io.Reader's.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestLargeIsReadAll, whatever the size and however it comes.
func TestLargeIsReadAll(t *testing.T) {
	l := newLarge()
	for _, size := range []int{0, 1, smallAnswer - 1, smallAnswer, smallAnswer + 1, 3*smallAnswer - 1, 3 * smallAnswer, 3*smallAnswer + 7} {
		want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		for _, slow := range []func(io.Reader) io.Reader{iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r }} {
			got, err := l.read(t.Context(), target{}, heldBody{Reader: slow(bytes.NewReader(want))})
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%d bytes", size)
		}
		rest, err := readPieces(iotest.HalfReader(bytes.NewReader(want)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(rest.pieces), size/smallAnswer+1, "a piece is filled before there is another")
		cut := io.MultiReader(bytes.NewReader(want), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err = l.read(t.Context(), target{}, heldBody{Reader: cut})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "an answer of %d bytes that is cut off is no answer", size)
	}
	require.Empty(t, l.each.of)
}

// turns is what the tests of turns read with.
type turns struct {
	*large

	begun atomic.Int64 // answers that stall and have their turn
	ends  chan error   // of those
}

// stall reads an answer that stalls until ctx ends.
func (l *turns) stall(ctx context.Context, of target) {
	go func() { _, err := l.read(ctx, of, stalled(ctx, &l.begun)); l.ends <- err }()
	synctest.Wait()
}

// sent reads an answer that is there, and says how long that took.
func (l *turns) sent(ctx context.Context, of target, size int) (time.Duration, error) {
	begun := time.Now()
	_, err := l.read(ctx, of, heldBody{Reader: strings.NewReader(strings.Repeat("x", size))})
	return time.Since(begun), err
}

// waits requires that a large answer has no turn within a second.
func (l *turns) waits(ctx context.Context, t *testing.T, of target) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	took, err := l.sent(ctx, of, smallAnswer)
	require.ErrorIs(t, err, context.DeadlineExceeded, "never longer than the call")
	require.Equal(t, time.Second, took)
}

// passes requires that an answer need not wait.
func (l *turns) passes(ctx context.Context, t *testing.T, of target, size int) {
	t.Helper()
	took, err := l.sent(ctx, of, size)
	require.NoError(t, err)
	require.Zero(t, took)
}

// TestLargeAnswersTakeTurns: those of one server leave turns to others, whoever
// gave up waiting meanwhile. Whom a caller trusts tells servers apart, too.
func TestLargeAnswersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := target{server: "one"}, target{server: "one", trust: [32]byte{1}}
		l := &turns{large: newLarge(), ends: make(chan error, largeEach+1)}
		ctx, cancel := context.WithCancel(t.Context())
		first, end := context.WithCancel(ctx)
		for range largeEach - 1 {
			l.stall(ctx, one)
		}
		l.stall(first, one)
		require.EqualValues(t, largeEach, l.begun.Load())
		l.passes(ctx, t, one, smallAnswer-1)
		l.passes(ctx, t, two, 2*smallAnswer)
		l.waits(ctx, t, one)
		l.waits(ctx, t, one)
		require.Len(t, l.each.of, 1)
		end()
		require.Error(t, <-l.ends)
		l.passes(ctx, t, one, 2*smallAnswer)
		l.stall(ctx, one)
		l.waits(ctx, t, one)
		cancel()
		for range largeEach {
			require.Error(t, <-l.ends)
		}
		require.Empty(t, l.each.of)
		require.True(t, l.all.TryAcquire(largeAtOnce))
	})
}

// TestLargeAnswersOfAllTakeTurns: there are so many, whatever their servers are,
// and who waits for one of those keeps none from the others of his server.
func TestLargeAnswersOfAllTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, three := &turns{large: newLarge(), ends: make(chan error, largeAtOnce)}, target{server: "three"}
		ctx, cancel := context.WithCancel(t.Context())
		first, end := context.WithCancel(ctx)
		for i := range largeAtOnce - 1 {
			l.stall(ctx, target{server: []string{"one", "two"}[i/largeEach]})
		}
		l.stall(first, target{server: "two"})
		require.EqualValues(t, largeAtOnce, l.begun.Load())
		l.passes(ctx, t, three, smallAnswer-1)
		l.waits(ctx, t, three)

		given, last := make(chan error, largeEach), make(chan error, 1)
		mine, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		for range largeEach {
			go func() { _, err := l.sent(mine, three, smallAnswer); given <- err }()
		}
		synctest.Wait()
		go func() { _, err := l.sent(ctx, three, smallAnswer); last <- err }()
		for range largeEach {
			require.ErrorIs(t, <-given, context.DeadlineExceeded)
		}
		end()
		require.NoError(t, <-last)
		cancel()
		for range largeAtOnce {
			require.Error(t, <-l.ends)
		}
		require.Empty(t, l.each.of)
		require.True(t, l.all.TryAcquire(largeAtOnce))
	})
}

// TestCrowded: who stalls loses his turn, and who waits for many of those is not
// kept until his own deadline.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, late := newLarge(), make(chan error, 2*largeEach)
		begun := time.Now()
		stall := func() { _, err := l.read(t.Context(), target{}, stalled(t.Context(), new(atomic.Int64))); late <- err }
		large := func() (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := l.read(ctx, target{}, heldBody{Reader: strings.NewReader(strings.Repeat("x", 2*smallAnswer))})
			return time.Since(begun), err
		}
		for range largeEach {
			go stall()
		}
		synctest.Wait()
		<-time.NewTimer(time.Second).C
		took, err := large()
		require.NoError(t, err)
		require.Equal(t, largeTime, took)
		for range largeEach {
			require.ErrorIs(t, <-late, context.DeadlineExceeded)
		}

		begun = time.Now()
		for range largeEach {
			go stall()
		}
		synctest.Wait()
		<-time.NewTimer(time.Second).C
		for range largeEach {
			go stall() // before the one below
		}
		synctest.Wait()
		took, err = large()
		require.ErrorIs(t, err, errCrowded)
		require.Equal(t, time.Second+largeWait, took)
		require.Equal(t, Busy, networkError(err).Trouble)
		for range 2 * largeEach {
			require.Error(t, <-late)
		}
		require.Empty(t, l.each.of)
	})
}
