package proof

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

func (c *cache) len() int {
	c.entries.CleanUp()
	return c.entries.EstimatedSize()
}

// TestCacheRemembers: one entry per accepted set, none for refused ones.
func TestCacheRemembers(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	for range 3 {
		l.accepted(t, sent, noon)
	}
	require.Equal(t, 1, l.verifier.cache.len())
	slices.Reverse(sent)
	l.accepted(t, sent, noon)
	require.Equal(t, 1, l.verifier.cache.len(), "the order of lines makes no second entry")
	l.refused(t, with(sent, kubeheader.Namespace, "team-b"), noon, kubeheader.ReasonProofInvalid, "")
	require.Equal(t, 1, l.verifier.cache.len(), "a refusal is not remembered")

	// A hit does no verification: with the entry's key removed from the set in
	// place, only a warm Open could still say yes. (The set is replaced as a
	// whole in real life, which is the next test.)
	delete(*l.keys.current.Load(), l.signing.Active(noon).ID())
	l.accepted(t, sent, noon)
}

// TestNewGeneration: another policy or key set empties the cache.
func TestNewGeneration(t *testing.T) {
	l := newLink(t)
	first, second := l.sealed(t, "token", noon), l.sealed(t, "certificate", noon)
	l.accepted(t, first, noon)
	l.accepted(t, second, noon)
	require.Equal(t, 2, l.verifier.cache.len())

	policy := *l.policy
	l.policy = &policy
	l.accepted(t, first, noon)
	require.Equal(t, 1, l.verifier.cache.len())

	l.accepted(t, second, noon)
	l.writeKeys(t, l.signing.Active(noon).Public(), generate(t, noon).Public())
	_, err := l.keys.Refresh(noon)
	require.NoError(t, err)
	l.accepted(t, first, noon)
	require.Equal(t, 1, l.verifier.cache.len())
}

func TestCacheBounds(t *testing.T) {
	l := newLink(t)
	trust := len(value(t, l.callers["token"], kubeheader.CertificateAuthority))
	for _, limits := range []Limits{{Entries: 4, Bytes: 1 << 20}, {Entries: 1000, Bytes: 64 << 10}} {
		verifier, err := NewVerifier(l.keys, audience, func() *kubeheader.Policy { return l.policy }, limits)
		require.NoError(t, err)
		for i := range 64 {
			l.callers["token"] = with(l.callers["token"], kubeheader.Namespace, fmt.Sprintf("team-%d", i))
			_, err := verifier.Open(l.sealed(t, "token", noon), noon)
			require.NoError(t, err)
		}
		entries := verifier.cache.len()
		require.Positive(t, entries)
		require.LessOrEqual(t, entries, min(limits.Entries, limits.Bytes/(overhead+sizePerValue*trust)))
		require.LessOrEqual(t, verifier.cache.entries.WeightedSize(), uint64(limits.Bytes))
		verifier.Close()
	}
}

// TestKeyIsInjective: the cache key tells apart what plain concatenation would
// not, and depends on the process.
func TestKeyIsInjective(t *testing.T) {
	l := newLink(t)
	key := func(c *cache, pairs ...string) cacheKey {
		r, problem := l.verifier.slots.sort(append(fields(
			kubeheader.Fingerprint, "f", kubeheader.SignatureInput, "i", kubeheader.Signature, "s"), fields(pairs...)...))
		require.Nil(t, problem)
		return c.key(&r)
	}
	c := l.verifier.cache
	seen := map[cacheKey]int{}
	for i, pairs := range [][]string{
		{},
		{kubeheader.Namespace, ""},
		{kubeheader.Namespace, "a"},
		{kubeheader.Toolsets, "a"},
		{kubeheader.Namespace, "ab"},
		{kubeheader.Namespace, "a", kubeheader.Toolsets, "b"},
		{kubeheader.Namespace, "", kubeheader.Toolsets, "ab"},
		{kubeheader.Namespace, "ab", kubeheader.Toolsets, ""},
		{kubeheader.Namespace, "a\x00\x00\x00\x00\x00\x00\x00\x13" + kubeheader.Toolsets + "\x00\x00\x00\x00\x00\x00\x00\x01b"},
		{kubeheader.Namespace, "a\x00\x00\x00\x00\x00\x00\x00\x13" + kubeheader.Toolsets + "b"},
	} {
		k := key(c, pairs...)
		require.NotContains(t, seen, k, "%d and %d", i, seen[k])
		seen[k] = i
	}
	require.Contains(t, seen, key(c, kubeheader.Namespace, "a"), "the same again")
	require.NotEqual(t, key(c), key(newLink(t).verifier.cache))
}

// TestConcurrentOpen runs good, bad and unknown proofs, a changing policy and
// changing keys against each other. The race detector is the other half of it.
func TestConcurrentOpen(t *testing.T) {
	l := newLink(t)
	policies := []*kubeheader.Policy{l.policy, new(*l.policy)}
	var mu sync.Mutex
	turn := 0
	policy := func() *kubeheader.Policy {
		mu.Lock()
		defer mu.Unlock()
		turn++
		return policies[turn/64%2]
	}
	verifier, err := NewVerifier(l.keys, audience, policy, Limits{Entries: 8, Bytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(verifier.Close)

	token, certificate := l.sealed(t, "token", noon), l.sealed(t, "certificate", noon)
	forged := with(token, kubeheader.Authorization, "Bearer mallory-token")
	unknown := l.resealed(t, generate(t, noon), noon)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				_, badErr := verifier.Open([][]kubeheader.Field{forged, unknown}[i%2], noon)
				verified, err := verifier.Open([][]kubeheader.Field{token, certificate}[i%2], noon)
				if badErr == nil || err != nil || !verified.Valid() {
					t.Errorf("forged: %v; good: %v", badErr, err)
					return
				}
				if i%50 == 0 {
					if _, err := l.keys.Refresh(noon); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

// TestWarmAllocations: an Open that finds its answer in the cache allocates nothing.
func TestWarmAllocations(t *testing.T) {
	budget := 0.0
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		budget = 8 // a sync.Pool forgets at random under the race detector
	}
	l := newLink(t)
	sent := l.sealed(t, "certificate", noon)
	l.accepted(t, sent, noon)
	allocations := testing.AllocsPerRun(200, func() {
		if _, err := l.verifier.Open(sent, noon); err != nil {
			t.Error(err)
		}
	})
	require.LessOrEqual(t, allocations, budget)
}
