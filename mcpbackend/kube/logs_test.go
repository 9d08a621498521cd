package kube

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// says answers with a text, as a kubelet does.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(text))
	}
}

func TestLogs(t *testing.T) {
	h := newHostile(t, says("one\ntwo\n"))
	text, truncated, err := clientOf(t, h).Logs(within(t, 5*time.Second), "team-a", "web-0", LogOptions{
		Container: "main", Previous: true, Timestamps: true, Since: 1500 * time.Millisecond, Tail: 7,
	})
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", string(text))
	require.False(t, truncated)
	sent := h.last(t)
	require.Equal(t, "/api/v1/namespaces/team-a/pods/web-0/log", sent.URL.Path)
	require.Equal(t, url.Values{
		"container": {"main"}, "previous": {"true"}, "timestamps": {"true"}, "sinceSeconds": {"2"}, "tailLines": {"7"}, "limitBytes": {"4194305"},
	}, sent.URL.Query())

	_, _, err = clientOf(t, h).Logs(within(t, 5*time.Second), "team-a", "web-0", LogOptions{})
	require.NoError(t, err)
	require.Equal(t, url.Values{"limitBytes": {"4194305"}}, h.last(t).URL.Query())
}

// TestLogsAreCut at the old end, where a line begins.
func TestLogsAreCut(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo\nsix":        "two\nsix",
		"one\nthree\n":         "three\n",
		"one\nthirteen\n":      "\n",
		"a line with no break": "no break",
		"seven!!!":             "seven!!!",
	} {
		client := clientOf(t, newHostile(t, says(text)))
		got, truncated, err := client.Logs(within(t, 5*time.Second), "team-a", "web-0", LogOptions{Limit: 8})
		require.NoError(t, err)
		if text == "one\nthirteen\n" {
			want = "hirteen\n" // one line that is longer than the limit
		}
		require.Equal(t, want, string(got))
		require.Equal(t, len(text) > 8, truncated)
	}
}

// TestLogsOfAServerWithoutLimits end where they were asked to.
func TestLogsOfAServerWithoutLimits(t *testing.T) {
	block := strings.Repeat(strings.Repeat("x", 63)+"\n", 1<<14)
	client := clientOf(t, newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for {
			if _, err := w.Write([]byte(block)); err != nil {
				return
			}
		}
	}))
	for limit, want := range map[int64]int{0: maxLog, 100: 64, maxLog + 1: maxLog} {
		text, truncated, err := client.Logs(within(t, 10*time.Second), "team-a", "web-0", LogOptions{Limit: limit})
		require.NoError(t, err)
		require.True(t, truncated)
		require.Len(t, text, want)
		require.Less(t, cap(text), 2*want+maxLog/2)
	}
}

// TestLogsThatFail: what a server says of a failure is no log.
func TestLogsThatFail(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusBadRequest, "a container name must be specified, choose one of: [main sidecar]", "")
	})
	_, _, err := clientOf(t, h).Logs(within(t, 5*time.Second), "team-a", "web-0", LogOptions{})
	require.Equal(t, Invalid, trouble(t, err))
	require.ErrorContains(t, err, "[main sidecar]")
	for _, bad := range [][2]string{{"team-a/x", "a"}, {"", "a"}, {"team-a", ".."}, {"team-a", "a/b"}, {"team-a", ""}, {"team-a", "a?b"}} {
		n := len(h.paths())
		_, _, err := clientOf(t, h).Logs(within(t, 5*time.Second), bad[0], bad[1], LogOptions{})
		require.Equal(t, Invalid, trouble(t, err))
		require.Len(t, h.paths(), n)
	}
}

// TestLogsEndWithTheirDeadline, however slowly they come.
func TestLogsEndWithTheirDeadline(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("begun\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	begin := time.Now()
	_, _, err := clientOf(t, h).Logs(within(t, 200*time.Millisecond), "team-a", "web-0", LogOptions{})
	require.Equal(t, Deadline, trouble(t, err))
	require.Less(t, time.Since(begin), 5*time.Second)
}
