package verdict

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryFactIsInTheKey: facts that differ in anything have another key.
func TestEveryFactIsInTheKey(t *testing.T) {
	base := func() Facts { return facts("kubernetes-a", "1", "kubernetes-b", "2") }
	home := scope{generation: 1, policy: "p", keyID: "k", audience: "a"}
	k := newKeyer()
	seen := map[cacheKey]string{k.key(base(), home): "base"}
	require.Contains(t, seen, k.key(base(), home), "equal facts have one key")
	for name, f := range map[string]Facts{
		"value":                   facts("kubernetes-a", "1", "kubernetes-b", "3"),
		"name":                    facts("kubernetes-a", "1", "kubernetes-c", "2"),
		"case of a name":          facts("kubernetes-a", "1", "kubernetes-B", "2"),
		"spelling of a name":      facts("kubernetes-a", "1", "kubernetes_b", "2"),
		"order":                   facts("kubernetes-b", "2", "kubernetes-a", "1"),
		"a line less":             facts("kubernetes-a", "1"),
		"a line more":             facts("kubernetes-a", "1", "kubernetes-b", "2", "kubernetes-b", "2"),
		"an empty line more":      facts("kubernetes-a", "1", "kubernetes-b", "2", "", ""),
		"name and value regroup":  facts("kubernetes-a", "1", "kubernetes-", "b2"),
		"value and name regroup":  facts("kubernetes-a", "1kubernetes-b", "2", ""),
		"values joined":           facts("kubernetes-a", "1,2"),
		"values swapped":          facts("kubernetes-a", "2", "kubernetes-b", "1"),
		"no proto":                {Fields: base().Fields},
		"empty proto":             {Fields: base().Fields, ForwardedProto: [][]byte{{}}},
		"other proto":             {Fields: base().Fields, ForwardedProto: [][]byte{[]byte("http")}},
		"two protos":              {Fields: base().Fields, ForwardedProto: [][]byte{[]byte("https"), []byte("https")}},
		"proto taken for a field": {Fields: facts("", "https", "kubernetes-a", "1", "kubernetes-b", "2").Fields},
	} {
		sum := k.key(f, home)
		require.Empty(t, seen[sum], "%s reads like another", name)
		seen[sum] = name
	}
	for name, s := range map[string]scope{
		"generation": {2, "p", "k", "a"}, "policy": {1, "q", "k", "a"}, "key": {1, "p", "l", "a"}, "audience": {1, "p", "k", "b"},
		"regrouped": {1, "pk", "", "a"},
	} {
		sum := k.key(base(), s)
		require.Empty(t, seen[sum], "%s reads like another", name)
		seen[sum] = name
	}
	require.Empty(t, seen[newKeyer().key(base(), home)], "each process has its own key")
}

// TestCountsKeepListsApart builds two fact sets that would read the same if the
// list of protos did not begin with its count.
func TestCountsKeepListsApart(t *testing.T) {
	number := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	rest := facts("2", "", "3", "", "4", "", "5", "", "6", "", "7", "", "8", "").Fields
	bare := Facts{Fields: append(facts(number(8)+number(0), "v").Fields, rest...)}
	with := Facts{Fields: append(facts("", "v").Fields, rest...), ForwardedProto: [][]byte{[]byte(number(16))}}
	k := newKeyer()
	require.NotEqual(t, k.key(bare, scope{}), k.key(with, scope{}))
}

func fill(s otterStore, n, size int) {
	for i := range n {
		var k cacheKey
		binary.BigEndian.PutUint64(k[:], uint64(i))
		s.put(k, entry{allowed: &Allowed{Answer: make([]byte, size)}})
	}
	s.cache.CleanUp()
}

func TestCacheIsBoundedByEntriesAndByBytes(t *testing.T) {
	for name, row := range map[string]struct{ entries, bytes, size, most int }{
		"entries":         {10, 1 << 20, 1, 10},
		"bytes":           {1000, 100 << 10, 10 << 10, 10},
		"larger than all": {10, 1 << 10, 2 << 10, 0},
	} {
		s, err := newOtterStore(row.entries, row.bytes)
		require.NoError(t, err)
		fill(s, 500, row.size)
		require.LessOrEqual(t, s.cache.EstimatedSize(), row.most, name)
		if row.most > 0 {
			require.NotZero(t, s.cache.EstimatedSize(), name)
		}
		s.close()
		require.Zero(t, s.cache.EstimatedSize(), name)
	}
}

func BenchmarkDecide(b *testing.B) {
	ca := newCertificate(b)
	token := jwt(b, epoch.Add(1e12))
	f := good(ca, token+fmt.Sprintf("%02250d", 0))
	size := 0
	for _, field := range f.Fields {
		size += len(field.Name) + field.Value.Len()
	}
	b.Run(fmt.Sprintf("cached/%dB", size), func(b *testing.B) {
		e, _ := newEngine(b)
		answer(b, e, f, epoch)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Decide(b.Context(), f, epoch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(fmt.Sprintf("uncached/%dB", size), func(b *testing.B) {
		e, _ := newEngine(b)
		b.ReportAllocs()
		for b.Loop() {
			e.Forget()
			if _, err := e.Decide(b.Context(), f, epoch); err != nil {
				b.Fatal(err)
			}
		}
	})
	for kind, pair := range map[string]certificate{"P-256": ca, "RSA-2048": newRSA(b, 2048), "RSA-4096": newRSA(b, 4096)} {
		b.Run("uncached/"+kind, func(b *testing.B) {
			e, _ := newEngine(b)
			f := withKey(ca, pair, 1)
			b.ReportAllocs()
			for b.Loop() {
				e.Forget()
				if _, err := e.Decide(b.Context(), f, epoch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
