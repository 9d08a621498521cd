package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPanicWhileLearning is an answer that cannot be read: it happens on no
// caller's goroutine and would end the process.
func TestPanicWhileLearning(t *testing.T) {
	client := clientOf(t, newHostile(t, plain))
	_, err := client.once(within(t, 5*time.Second), "panic", func(context.Context) (any, error) {
		var none *group
		kind, _ := none.find("Pod")
		return kind, nil
	})
	require.Equal(t, Garbled, trouble(t, err))
	_, err = client.once(within(t, 5*time.Second), "panic", func(context.Context) (any, error) { return 1, nil })
	require.NoError(t, err, "the next one learns")
}

// TestGroupsAreBounded: a caller may ask about any number of group/versions.
func TestGroupsAreBounded(t *testing.T) {
	weighed := 0
	e := &entry{groups: map[string]*group{}, weighed: func() { weighed++ }}
	for i := range maxGroups {
		e.keepGroup(fmt.Sprint("g", i), &group{page: &page{size: 10}})
	}
	require.Len(t, e.groups, maxGroups)
	require.EqualValues(t, 10*maxGroups, e.learned.Load())
	e.keepGroup("one more", &group{page: &page{size: 10}})
	require.Len(t, e.groups, 1)
	require.EqualValues(t, 10, e.learned.Load())
	require.Equal(t, maxGroups+1, weighed)
}

// TestLongVersion is kept and shown nowhere.
func TestLongVersion(t *testing.T) {
	for length, want := range map[int]Trouble{maxLabelLength: 0, maxLabelLength + 1: Garbled} {
		client := clientOf(t, newHostile(t, answer([]byte(`{"gitVersion":"`+strings.Repeat("v", length)+`"}`))))
		version, err := client.ServerVersion(within(t, 5*time.Second))
		require.Equal(t, want, trouble(t, err))
		require.Equal(t, want == 0, len(version) == length)
		require.Equal(t, version, client.entry.version)
	}
}

// TestKindsFromTheServer are words in both lists, whatever else they hold: they
// are shown, and offered for the next call.
func TestKindsFromTheServer(t *testing.T) {
	for _, kind := range []string{"", "../Evil", "Two Words", "1st", "E\\u200bvil", strings.Repeat("K", maxLabelLength+1)} {
		g, err := readGroup([]byte(`{"resources":[{"name":"evils","kind":"`+kind+`"},{"name":"pods","kind":"Pod"}]}`), "", "v1")
		require.NoError(t, err)
		require.Len(t, g.kinds, 1, kind)
		g, err = readAggregated([]byte(`{"items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[
			{"resource":"evils","responseKind":{"kind":"` + kind + `"}},{"resource":"pods","responseKind":{"kind":"Pod"}}]}]}]}`))
		require.NoError(t, err)
		require.Len(t, g.kinds, 1, kind)
	}
}

// TestNamesInDiscovery that are none are left out of the long list as well.
func TestNamesInDiscovery(t *testing.T) {
	for _, bad := range []string{
		`{"metadata":{"name":"../apps"},"versions":[{"version":"v1","resources":[{"resource":"pods","responseKind":{"kind":"Pod"}}]}]}`,
		`{"metadata":{"name":"apps"},"versions":[{"version":"../v1","resources":[{"resource":"pods","responseKind":{"kind":"Pod"}}]}]}`,
		`{"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[{"resource":"../pods","responseKind":{"kind":"Pod"}}]}]}`,
	} {
		p, err := readAggregated([]byte(`{"items":[` + bad + `]}`))
		require.NoError(t, err)
		require.Empty(t, p.kinds, bad)
	}
}

// TestDropSparesANewerEntry: a call that fails late speaks of its own entry.
func TestDropSparesANewerEntry(t *testing.T) {
	p, err := newPool(Limits{}.withDefaults(), time.Now, func(Cause) {})
	require.NoError(t, err)
	defer p.close()
	made := func() *entry { return &entry{born: time.Now(), guard: &guard{transport: &http.Transport{}}} }
	older, newer := made(), made()
	p.put(poolKey{}, older)
	p.put(poolKey{}, newer)
	require.True(t, older.guard.retired)
	p.drop(poolKey{}, older, CauseAge)
	got, ok := p.get(poolKey{})
	require.True(t, ok)
	require.Same(t, newer, got)
	p.drop(poolKey{}, newer, CauseAge)
	_, ok = p.get(poolKey{})
	require.False(t, ok)
	require.Eventually(t, func() bool {
		newer.guard.mu.Lock()
		defer newer.guard.mu.Unlock()
		return newer.guard.retired
	}, 5*time.Second, time.Millisecond)
}

// TestTheRequestIsItsOwners: a RoundTripper changes none that it was given
// (net/http's contract); client-go may send it again.
func TestTheRequestIsItsOwners(t *testing.T) {
	h := newHostile(t, plain)
	req, err := http.NewRequestWithContext(saying(within(t, 5*time.Second), &said{agent: agent(decision)}), http.MethodGet, h.URL+"/version", nil)
	require.NoError(t, err)
	req.Header.Set("User-Agent", "mine")
	resp, err := guardOf(t, h).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "mine", req.Header.Get("User-Agent"))
	require.Equal(t, userAgent+" (decision "+decision+")", h.last(t).Header.Get("User-Agent"))
}
