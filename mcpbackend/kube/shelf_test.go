package kube

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSharedPages: what two callers were told in the same bytes is kept once,
// each was asked for by himself, and one who was told something else sees that.
func TestSharedPages(t *testing.T) {
	clients, e := newClients(t), newEdge(t)
	told := func(name string, w world) *Client {
		h := newHostile(t, w.ServeHTTP)
		c, err := clients.For(t.Context(), e.caller(t, h.headers(name+"-token")...), decision)
		require.NoError(t, err)
		_, err = c.Resolve(within(t, 5*time.Second), "", "Widget")
		require.NoError(t, err)
		_, err = c.Resolve(within(t, 5*time.Second), "v1", "Pod")
		require.NoError(t, err)
		require.Len(t, h.paths(), 3)
		return c
	}
	group := offered("example.com", []string{"v1"}, found("Widget", "widgets"))
	alice := told("alice", discovery(group))
	bob := told("bob", discovery(group))
	carol := told("carol", discovery(group, offered("secret.example.com", []string{"v1"}, found("Plan", "plans"))))

	require.Same(t, alice.entry.groups["v1"].page, bob.entry.groups["v1"].page)
	require.Same(t, alice.entry.groups[allKey].page, bob.entry.groups[allKey].page)
	require.Same(t, alice.entry.groups[allKey].rest[0], bob.entry.groups[allKey].rest[0])
	require.NotSame(t, alice.entry.groups[allKey].rest[0], carol.entry.groups[allKey].rest[0])
	_, err := carol.Resolve(within(t, 5*time.Second), "", "Plan")
	require.NoError(t, err)
	_, err = alice.Resolve(within(t, 5*time.Second), "", "Plan")
	require.Error(t, err)
	require.Equal(t, alice.entry.learned.Load(), bob.entry.learned.Load(), "who shares weighs as much: the other may go")
	all := alice.entry.groups[allKey]
	require.Positive(t, all.rest[0].size)
	require.Equal(t, all.size+all.rest[0].size, all.weighs(), "every page weighs")
}

// TestPagesOfOtherGroups are others, though their bytes be the same.
func TestPagesOfOtherGroups(t *testing.T) {
	h := newHostile(t, world{"GET /apis/a.example.com/v1": coreV1, "GET /apis/b.example.com/v1": coreV1}.ServeHTTP)
	client := clientOf(t, h)
	for _, version := range []string{"a.example.com/v1", "b.example.com/v1"} {
		kind, err := client.Resolve(within(t, 5*time.Second), version, "Pod")
		require.NoError(t, err)
		require.Equal(t, version, kind.APIVersion())
	}
}

// TestShelfForgets what nobody holds any more.
func TestShelfForgets(t *testing.T) {
	var s shelf
	pageOf := func(n int) *page {
		p, err := s.page("x", fmt.Append(nil, n), func() (*page, error) { return &page{size: n}, nil })
		require.NoError(t, err)
		return p
	}
	held := pageOf(-1)
	for n := range 100_000 {
		if n%1000 == 0 {
			runtime.GC()
		}
		pageOf(n)
	}
	require.Less(t, len(s.pages), 5000)
	require.Same(t, held, pageOf(-1))
	runtime.KeepAlive(held)
}

// TestShelfKeepsTheFirst of two that were read at once, and none that failed.
func TestShelfKeepsTheFirst(t *testing.T) {
	var s shelf
	var inner *page
	outer, err := s.page("x", nil, func() (*page, error) {
		var err error
		inner, err = s.page("x", nil, func() (*page, error) { return &page{}, nil })
		return &page{}, err
	})
	require.NoError(t, err)
	require.Same(t, inner, outer)
	again, err := s.page("x", nil, func() (*page, error) { return nil, garbled() })
	require.NoError(t, err, "what is known is not read again")
	require.Same(t, inner, again)
	_, err = s.page("y", nil, func() (*page, error) { return nil, garbled() })
	require.Error(t, err)
	require.Nil(t, s.find([32]byte{}))
	require.Len(t, s.pages, 1)
}

// TestVerbs holds the table against itself: a bit each.
func TestVerbs(t *testing.T) {
	require.Len(t, verbNames, 8)
	for i, v := range verbNames {
		require.Equal(t, verbSet(1<<i), verbsOf([]string{v, "proxy", strings.Repeat("x", 1000)}))
		require.True(t, Kind{verbs: everyVerb}.Can(v))
	}
	require.False(t, Kind{verbs: everyVerb}.Can("proxy"))
}
