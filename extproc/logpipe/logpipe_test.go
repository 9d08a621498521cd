package logpipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a writer that lets nothing through until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(p)
}

func note(lines uint64) []byte { return fmt.Appendf(nil, "%d lines lost\n", lines) }

func TestLinesArriveWholeAndInOrder(t *testing.T) {
	var out bytes.Buffer
	p := New(&out, note)
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		n, err := p.Write([]byte(line))
		require.NoError(t, err)
		require.Equal(t, len(line), n)
	}
	require.True(t, p.Close(time.Minute))
	require.True(t, want.String() == out.String(), "lines are missing, mixed up or there twice") //nolint:testifylint // a diff would be 1000 lines long
	require.Zero(t, p.Dropped())
}

// TestWriteIsNotWaitedFor: the reader is stuck, and whoever logs does not notice.
func TestWriteIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := New(g, note)
		_, _ = p.Write([]byte("first\n"))
		synctest.Wait() // the goroutine hangs in the write of it
		line := append(bytes.Repeat([]byte{'x'}, 1023), '\n')
		const lines = 2 * Capacity / 1024
		for range lines {
			_, err := p.Write(line)
			require.NoError(t, err)
		}
		require.EqualValues(t, lines/2, p.Dropped(), "what fits is kept, what does not is counted")
		close(g.open)
		require.True(t, p.Close(time.Minute))
		require.Len(t, g.got.Bytes(), len("first\n")+Capacity+len(note(lines/2)))
		require.True(t, strings.HasSuffix(g.got.String(), string(note(lines/2))), "the log says that it has a gap")
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := New(g, note)
		_, _ = p.Write([]byte("first\n"))
		began := time.Now()
		require.False(t, p.Close(time.Second))
		require.Equal(t, time.Second, time.Since(began))
		_, err := p.Write([]byte("too late\n"))
		require.NoError(t, err)
		require.EqualValues(t, 1, p.Dropped())
		close(g.open)
	})
}

// TestRefusedWritesAreCounted: a full disk fails each write, for a while.
func TestRefusedWritesAreCounted(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, full.Close()) }()
	p := New(full, note)
	for range 3 {
		_, err := p.Write([]byte("line\n"))
		require.NoError(t, err)
	}
	require.True(t, p.Close(time.Minute))
	require.EqualValues(t, 3, p.Dropped())
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestManyWritersOneFailingReader(t *testing.T) {
	for name, to := range map[string]io.Writer{"failing": failing{}, "taking": io.Discard} {
		t.Run(name, func(t *testing.T) {
			p := New(to, nil)
			var writers sync.WaitGroup
			for range 8 {
				writers.Go(func() {
					for range 1000 {
						_, _ = p.Write([]byte("line\n"))
					}
				})
			}
			writers.Wait()
			require.True(t, p.Close(time.Minute))
			if to == io.Discard {
				require.Zero(t, p.Dropped())
			} else {
				require.EqualValues(t, 8000, p.Dropped())
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	p := New(io.Discard, note)
	line := append(bytes.Repeat([]byte{'x'}, 250), '\n')
	b.ReportAllocs()
	for b.Loop() {
		_, _ = p.Write(line)
	}
	require.True(b, p.Close(time.Minute))
}
