package verdict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

// Almost every request is answered from the cache, without any allocation: the
// key is hashed with what a pool keeps, which the race detector makes forgetful
// (measured: 4), and the answer is the one that was encoded before.
func TestAllocsOfHit(t *testing.T) {
	e, _ := newEngine(t)
	f := good(newCertificate(t), strings.Repeat("a", 2250))
	answer(t, e, f, epoch)
	trial.Allocs(t, trial.Budget{Plain: 0, Race: 8}, func() {
		d, err := e.Decide(t.Context(), f, epoch)
		require.NoError(t, err)
		require.True(t, d.Cached)
	})
}
