package tool

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachDoesAll, never more than a few at a time.
func TestEachDoesAll(t *testing.T) {
	var under, most, done atomic.Int64
	require.NoError(t, Each(50, func(int) {
		if now := under.Add(1); now > most.Load() {
			most.Store(now)
		}
		done.Add(1)
		under.Add(-1)
	}))
	require.Equal(t, int64(50), done.Load())
	require.LessOrEqual(t, most.Load(), int64(together))
}

// TestEachContainsAPanic: the other parts are done, and the process lives.
func TestEachContainsAPanic(t *testing.T) {
	var done atomic.Int64
	var none map[string]int
	err := Each(10, func(i int) {
		if i == 3 {
			none["a"] = 1
		}
		done.Add(1)
	})
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, int64(9), done.Load())
}
