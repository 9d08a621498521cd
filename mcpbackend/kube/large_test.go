package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
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

// stalled has the bytes of a large answer, and then nothing until ctx ends.
func stalled(ctx context.Context) heldBody {
	ctx, cancel := context.WithCancel(ctx)
	return heldBody{closed: cancel, Reader: io.MultiReader(strings.NewReader(strings.Repeat("x", smallAnswer)), readerFunc(func([]byte) (int, error) {
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
		cut := io.MultiReader(bytes.NewReader(want), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := l.read(t.Context(), target{}, heldBody{Reader: cut})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "an answer of %d bytes that is cut off is no answer", size)
	}
	require.Empty(t, l.each.of)
}

// TestLargeAnswersTakeTurns: those of one server leave turns to others, and who
// gets none is told so.
func TestLargeAnswersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, one, two, three := newLarge(), target{server: "one"}, target{server: "two"}, target{server: "three"}
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error, largeAtOnce)
		for range largeEach {
			go func() { _, err := l.read(ctx, one, stalled(ctx)); ends <- err }()
		}
		synctest.Wait()
		small := func() heldBody { return heldBody{Reader: strings.NewReader("{}")} }
		large := func() heldBody { return heldBody{Reader: strings.NewReader(strings.Repeat("x", 2*smallAnswer))} }
		_, err := l.read(ctx, one, small())
		require.NoError(t, err, "small answers need no turn")
		_, err = l.read(ctx, two, large())
		require.NoError(t, err, "another server has its own")
		for range largeEach {
			go func() { _, err := l.read(ctx, two, stalled(ctx)); ends <- err }()
		}
		synctest.Wait()
		begun := time.Now()
		mine, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		_, err = l.read(mine, three, large())
		require.ErrorIs(t, err, context.DeadlineExceeded, "never longer than the call")
		require.Equal(t, time.Second, time.Since(begun))
		_, err = l.read(ctx, three, small())
		require.NoError(t, err)
		cancel()
		for range largeAtOnce {
			require.Error(t, <-ends)
		}
		require.Empty(t, l.each.of)
	})
}

// TestCrowded: who stalls loses his turn, and who waits for many of those is not
// kept until his own deadline.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, late := newLarge(), make(chan error, 2*largeEach)
		begun := time.Now()
		stall := func() { _, err := l.read(t.Context(), target{}, stalled(t.Context())); late <- err }
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
