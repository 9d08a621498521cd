package describe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

func repeated(element string, n int) string {
	return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
}

// allocated is how many bytes f asks for while it runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestWideCellsStaySmall: a column is as wide as its widest cell in every line,
// so that one wide cell and many lines are gigabytes. A tenant can write such
// objects; a server can send worse.
func TestWideCellsStaySmall(t *testing.T) {
	wide := strings.Repeat("w", 1<<20)
	for name, object := range map[string]string{
		"tabs in a text":           `{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"` + wide + `\t\n` + strings.Repeat(`\t\n`, 100_000) + `"}}`,
		"a wide key beside others": `{"kind":"ConfigMap","metadata":{"name":"a"},"binaryData":{"` + wide + `":"",` + repeatedKeys(20_000) + `}}`,
		"a wide label":             `{"kind":"ConfigMap","metadata":{"name":"a","labels":{"` + wide + `":"x",` + repeatedKeys(20_000) + `}}}`,
	} {
		_, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/configmaps/a": object, "/api/v1/namespaces/team-a/events": noEvents})
		var d Description
		var err error
		n := allocated(func() { d, err = describe(t, c, "v1", "ConfigMap") })
		require.NoError(t, err, name)
		require.Less(t, n, uint64(160<<20), name)
		require.Less(t, len(d.Text), 4<<20, name)
		require.True(t, d.Shortened, name)
	}
}

func repeatedKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":"",`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// TestManyContainersStaySmall: empty elements cost a server two bytes, and a
// describer ten lines.
func TestManyContainersStaySmall(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/api/v1/namespaces/team-a/pods/a": `{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[` + repeated(`{}`, 40_000) + `]}}`,
		"/api/v1/namespaces/team-a/events": noEvents,
	})
	n := allocated(func() {
		d, err := describe(t, c, "v1", "Pod")
		require.NoError(t, err)
		require.True(t, d.Shortened)
		require.Equal(t, 256, strings.Count(d.Text, "    Image:"))
	})
	require.Less(t, n, uint64(160<<20))
}

// TestManyVariablesStaySmall: one wide name makes the lines of all others as wide.
func TestManyVariablesStaySmall(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/api/v1/namespaces/team-a/pods/a": `{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"env":[{"name":"` + strings.Repeat("w", 4000) + `"},` + repeated(`{}`, 20_000) + `]}]}}`,
		"/api/v1/namespaces/team-a/events": noEvents,
	})
	n := allocated(func() {
		d, err := describe(t, c, "v1", "Pod")
		require.NoError(t, err)
		require.True(t, d.Shortened)
	})
	require.Less(t, n, uint64(64<<20))
}

// TestListsEnd: a server may have a next page for ever, and pages of any length.
func TestListsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		items, most int
	}{"empty pages": {0, 70}, "long pages": {900, 3}} {
		h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": pod})
		asked := 0
		h.Handle("/api/v1/namespaces/team-a/events", func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"kind":"EventList","metadata":{"continue":"next-%d"},"items":[%s]}`, asked, repeated(`{"reason":"Again"}`, test.items))
		})
		d, err := describe(t, c, "v1", "Pod")
		require.NoError(t, err, name)
		require.LessOrEqual(t, asked, test.most, name)
		if test.items == 0 {
			require.Equal(t, []string{"events (too-large)"}, d.Unread)
		} else {
			require.True(t, d.Shortened)
			require.Equal(t, 2000, strings.Count(d.Text, "Again"))
		}
	}
}

// TestOddAnswersBesideTheObject do not take it away: what could not be read is
// said, and nothing is asked for twice.
func TestOddAnswersBesideTheObject(t *testing.T) {
	for answer, word := range map[string]string{
		`[]`: "garbled", `{`: "garbled", `500 {}`: "failed", `429 {}`: "failed", `410 {}`: "gone", `401 {}`: "unauthorized",
		`{"items":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`: "too-large",
		`{"items":[` + repeated(`{}`, 500_000) + `]}`:                           "too-large",
	} {
		h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": pod, "/api/v1/namespaces/team-a/events": answer})
		d, err := describe(t, c, "v1", "Pod")
		require.NoError(t, err)
		require.Equal(t, []string{"events (" + word + ")"}, d.Unread)
		require.Len(t, h.Asked(), 3, answer[:min(len(answer), 20)])
	}
}

// TestConnectionsThatBreak are not tried again: client-go would, ten times, with
// a second in between.
func TestConnectionsThatBreak(t *testing.T) {
	h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": pod})
	h.Handle("/api/v1/namespaces/team-a/events", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if secured, ok := conn.(*tls.Conn); ok {
			if tcp, ok := secured.NetConn().(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, and not an orderly end
				_ = tcp.Close()
			}
		}
	})
	d, err := describe(t, c, "v1", "Pod")
	require.NoError(t, err)
	require.Equal(t, []string{"events (unreached)"}, d.Unread)
	require.LessOrEqual(t, len(h.Asked()), 4, "net/http tries a connection that was open before once more")
}

// TestRedirectsAreNotFollowed: a describer goes to no other host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other, _ := visit(t, nil)
	h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": pod})
	h.Handle("/api/v1/namespaces/team-a/events", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	d, err := describe(t, c, "v1", "Pod")
	require.NoError(t, err)
	require.Equal(t, []string{"events (redirected)"}, d.Unread)
	require.Empty(t, other.Asked())
}

// TestTheDeadlineIsTheCallers: kubectl's describers know none.
func TestTheDeadlineIsTheCallers(t *testing.T) {
	h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": pod})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k, err := c.Resolve(ctx, "v1", "Pod")
	require.NoError(t, err)
	h.Handle("/api/v1/namespaces/team-a/events", func(_ http.ResponseWriter, r *http.Request) {
		cancel() // the caller goes away while the server thinks
		<-r.Context().Done()
	})
	_, err = Object(ctx, c, k, "team-a", "a")
	var e *kube.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kube.Canceled, e.Trouble)
}
