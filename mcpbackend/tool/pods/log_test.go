package pods

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const (
	webPath = "/api/v1/namespaces/team-a/pods/web"
	logPath = webPath + "/log"
)

// numbered are n lines.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

const crashing = `{"kind":"Pod","metadata":{"name":"web","annotations":{}},
	"spec":{"containers":[{"name":"app"},{"name":"side"}],"initContainers":[{"name":"setup"}],"ephemeralContainers":[{"name":"debugger"}]},
	"status":{"containerStatuses":[{"name":"app","restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}},
		{"name":"side","state":{"running":{}}}],"initContainerStatuses":[{"name":"setup","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}}`

func logOf(t *testing.T, answers map[string]string, in podsLogIn) (text string, out Logged, err error) {
	t.Helper()
	_, c := brokenapi.Visit(t, answers)
	if in.Namespace == "" {
		in.Namespace = "team-a"
	}
	return podLog(brokenapi.Soon(t), c, in)
}

// TestLogAsksForWhatIsWanted: one request, bounded by lines and bytes.
func TestLogAsksForWhatIsWanted(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{logPath: numbered(100)})
	text, out, err := podLog(brokenapi.Soon(t), c, podsLogIn{Name: "web", Namespace: "team-a", Container: "app", Previous: true, Since: "90m"})
	require.NoError(t, err)
	require.Equal(t, "# 100 log lines of pod web, container app in namespace team-a, of the run before, since 90m\n"+numbered(100)+
		"-- There may be older lines: pass a greater tail, or grep. --\n", text)
	require.Equal(t, Logged{Namespace: "team-a", Pods: []string{"web"}, Container: "app", Lines: 100}, out)
	require.Len(t, h.Asked(), 1)
	u, err := url.Parse(h.Asked()[0])
	require.NoError(t, err)
	query := u.Query()
	require.NotEmpty(t, query.Get("limitBytes"))
	query.Del("limitBytes")
	require.Equal(t, url.Values{"container": {"app"}, "previous": {"true"}, "sinceSeconds": {"5400"}, "tailLines": {"100"}}, query)
}

// TestWhichContainer: the answer to a wrong or missing name says which there
// are, how they are, and of which sort.
func TestWhichContainer(t *testing.T) {
	answers := map[string]string{
		logPath: `400 {"kind":"Status","message":"a container name must be specified for pod web, choose one of: [app side]"}`, webPath: crashing,
	}
	_, _, err := logOf(t, answers, podsLogIn{Name: "web"})
	require.EqualError(t, err, "There is no such log: a container name must be specified for pod web, choose one of: [app side]. "+
		"Its containers: app (waiting: CrashLoopBackOff, restarts 5), side (running), setup (init, terminated: Completed), debugger (ephemeral). "+
		"Call again with one of them as container.")
	require.Equal(t, "invalid", answer.Word(err))
	_, _, err = logOf(t, answers, podsLogIn{Name: "web", Container: "nope", Previous: true})
	require.ErrorContains(t, err, "Call again with one of them as container.")
	_, _, err = logOf(t, answers, podsLogIn{Name: "web", Container: "side", Previous: true})
	require.ErrorContains(t, err, "Call again without previous: only a container that restarted has a run before.")
	_, _, err = logOf(t, answers, podsLogIn{Name: "web", Container: "app"})
	require.ErrorContains(t, err, "It has no log yet: events_list with kind Pod and this name may say why.")
	answers[webPath] = `403 {"kind":"Status","message":"no"}`
	_, _, err = logOf(t, answers, podsLogIn{Name: "web"})
	require.ErrorContains(t, answer.Advise(err), "The server said: a container name must be specified")
}

// TestTheDefaultContainer is the one that the pod names, as kubectl takes it.
func TestTheDefaultContainer(t *testing.T) {
	answers := map[string]string{
		logPath: `400 {"kind":"Status","message":"a container name must be specified"}`, logPath + "?container=side": numbered(2),
		webPath: strings.Replace(crashing, `"annotations":{}`, `"annotations":{"kubectl.kubernetes.io/default-container":"side"}`, 1),
	}
	text, out, err := logOf(t, answers, podsLogIn{Name: "web"})
	require.NoError(t, err)
	require.Equal(t, "# 2 log lines of pod web, container side in namespace team-a\nline 0\nline 1\n", text)
	require.Equal(t, "side", out.Container)
	_, _, err = logOf(t, answers, podsLogIn{Name: "web", Container: "nope"})
	require.Error(t, err, "who names a container means that one")
}

// TestCrashedContainersHint at the run before, where its own log is short.
func TestCrashedContainersHint(t *testing.T) {
	answers := map[string]string{logPath: numbered(2), webPath: crashing}
	const hint = "-- Container app restarted 5 times, the last run ended with OOMKilled exit code 137: pass previous=true for the log of the run before. --\n"
	for in, want := range map[podsLogIn]bool{
		{Name: "web", Container: "app"}: true, {Name: "web"}: true, {Name: "web", Container: "side"}: false,
		{Name: "web", Container: "app", Previous: true}: false, {Name: "web", Container: "app", Tail: 2}: false,
	} {
		text, _, err := logOf(t, answers, in)
		require.NoError(t, err)
		require.Equal(t, want, strings.HasSuffix(text, hint), text)
	}
}

// TestNothingBegan: the API server answers with an empty log where no node has
// taken the pod.
func TestNothingBegan(t *testing.T) {
	const hint = "-- No container of it has begun (phase Pending): events_list with kind Pod and this name may say why. --\n"
	for status, want := range map[string]bool{
		`"phase":"Pending"`: true, `"phase":"Pending","containerStatuses":[{"name":"app","state":{"waiting":{}}}]`: true,
		`"phase":"Pending","initContainerStatuses":[{"name":"setup","state":{"running":{}}}]`:  false,
		`"phase":"Pending","containerStatuses":[{"name":"app","lastState":{"terminated":{}}}]`: false,
	} {
		pod := `{"spec":{"containers":[{"name":"app"}],"initContainers":[{"name":"setup"}]},"status":{` + status + `}}`
		text, _, err := logOf(t, map[string]string{logPath: "", webPath: pod}, podsLogIn{Name: "web"})
		require.NoError(t, err)
		require.Equal(t, want, strings.HasSuffix(text, hint), text)
		text, _, err = logOf(t, map[string]string{logPath: "x\n", webPath: pod}, podsLogIn{Name: "web"})
		require.NoError(t, err)
		require.NotContains(t, text, hint)
	}
}

// TestGrep searches more than it shows, and says how it read the pattern.
func TestGrep(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{logPath: numbered(3000)})
	grep := func(pattern string, tail int) (string, Logged, error) {
		return podLog(brokenapi.Soon(t), c, podsLogIn{Name: "web", Namespace: "team-a", Grep: pattern, Tail: tail})
	}
	text, out, err := grep(`^line 29\d[05]$`, 100)
	require.NoError(t, err)
	require.Equal(t, 20, out.Lines)
	require.True(t, strings.HasPrefix(text, `# 20 log lines matching "^line 29\\d[05]$" of pod web in namespace team-a`+"\nline 2900\nline 2905\n"), text)
	require.Contains(t, h.Asked()[0], "tailLines=10000")
	text, out, err = grep("line", 3)
	require.NoError(t, err)
	require.Equal(t, 3, out.Lines)
	require.Contains(t, text, "line 2997\nline 2998\nline 2999\n-- There may be older lines: the newest 10000 were searched, and at most 3 are shown. --\n")
	text, _, err = grep("line 29(", 3)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, `# 0 log lines holding the text "line 29(", which is no regular expression of pod web`), text)
	for _, bad := range []string{strings.Repeat("a", 201), "a\u202e", "(x{99}){99}", "[a-z]{999}", "(((a{10}){10}){10})"} {
		_, _, err = grep(bad, 1)
		require.ErrorContains(t, err, "grep is", bad)
	}
}

// TestLogInItsBudget keeps the newest lines, and says what it left out.
func TestLogInItsBudget(t *testing.T) {
	text, out, err := logOf(t, map[string]string{logPath: strings.Repeat(strings.Repeat("x", 99)+"\n", 5000) + "the end\n"}, podsLogIn{Name: "web", Tail: 5000})
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Less(t, len(text), answer.LogBudget+500)
	require.Greater(t, len(text), answer.LogBudget*9/10)
	require.Contains(t, text, "\nthe end\n-- Older lines were left out to keep the answer short: narrow it with grep, since or a smaller tail. --\n")
	require.Equal(t, out.Lines+2, strings.Count(text, "\n"))
}

// TestLogArgumentsAreChecked before anything is asked.
func TestLogArgumentsAreChecked(t *testing.T) {
	h, c := brokenapi.Visit(t, nil)
	for want, in := range map[string]podsLogIn{
		"pass name for one pod":     {Namespace: "team-a"},
		"or labelSelector for":      {Namespace: "team-a", Name: "a", LabelSelector: "b"},
		"name is not the name":      {Namespace: "team-a", Name: "../a"},
		"container is not the name": {Namespace: "team-a", Name: "a", Container: "A b"},
		"a namespace":               {Namespace: "../a", Name: "a"},
		"call again with namespace": {Name: "a"},
		"since is how long ago":     {Namespace: "team-a", Name: "a", Since: "yesterday"},
		"longer than 4096 bytes":    {Namespace: "team-a", LabelSelector: strings.Repeat("a", 5000)},
	} {
		_, _, err := podLog(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
		require.Equal(t, "arguments", answer.Word(err))
	}
	require.Empty(t, h.Asked())
}

func TestSince(t *testing.T) {
	for text, seconds := range map[string]float64{"": 0, "30s": 30, "10m": 600, "2h": 7200, "1d": 86400, "1h30m": 5400, "366d": 366 * 86400} {
		d, err := since(text)
		require.NoError(t, err, text)
		require.InDelta(t, seconds, d.Seconds(), 0.1, text)
	}
	for _, text := range []string{"x", "-1h", "0s", "367d", "99999999h", "9999999999d", "d", "1w", "1h1d", "0d", "-1d", "0.5d", "99999d"} {
		_, err := since(text)
		require.Error(t, err, text)
	}
}
