package pods

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

const selectedPath = "/api/v1/namespaces/team-a/pods"

func podNamed(name string, containers ...string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"team-a"},"spec":{"containers":[{"name":"%s"}],"initContainers":[{"name":"setup"}]}}`, name, strings.Join(containers, `"},{"name":"`))
}

func podList(meta string, pods ...string) string {
	return `{"kind":"PodList","metadata":{` + meta + `},"items":[` + strings.Join(pods, ",") + `]}`
}

// TestLogsOfSeveralPods: in the order of the pods, each line with its origin;
// what cannot be read says why.
func TestLogsOfSeveralPods(t *testing.T) {
	answers := map[string]string{
		selectedPath: podList("", podNamed("web-0", "app", "side"), podNamed("web-1", "app")),
		selectedPath + "/web-0/log?container=app":   "a\nb\n",
		selectedPath + "/web-0/log?container=side":  "c\n",
		selectedPath + "/web-0/log?container=setup": "s\n",
		selectedPath + "/web-1/log?container=app":   `400 {"kind":"Status","message":"container \"app\" in pod \"web-1\" is waiting to start: ContainerCreating"}`,
		selectedPath + "/web-1/log?container=setup": "",
	}
	text, out, err := logOf(t, answers, podsLogIn{LabelSelector: "app=web"})
	require.NoError(t, err)
	require.Equal(t, "# 3 log lines of 2 pods matching app=web in namespace team-a\nweb-0/app a\nweb-0/app b\nweb-0/side c\n"+
		"-- web-1/app: container \"app\" in pod \"web-1\" is waiting to start: ContainerCreating --\n", text)
	require.Equal(t, Logged{Namespace: "team-a", Pods: []string{"web-0", "web-1"}, Lines: 3}, out)
	text, out, err = logOf(t, answers, podsLogIn{LabelSelector: "app=web", Container: "setup"})
	require.NoError(t, err)
	require.Equal(t, "# 1 log lines of 2 pods matching app=web in namespace team-a\nweb-0/setup s\n-- web-1/setup: nothing yet --\n", text)
	require.Equal(t, "setup", out.Container)
	_, _, err = logOf(t, answers, podsLogIn{LabelSelector: "app=web", Container: "nope"})
	require.EqualError(t, err, "None of the 2 pods has a container nope. Of the first of them: Its containers: app, side, setup (init).")
}

// TestNoPodMatches is an answer, and no failure.
func TestNoPodMatches(t *testing.T) {
	text, out, err := logOf(t, map[string]string{selectedPath: podList("")}, podsLogIn{LabelSelector: "app=no", Container: "app"})
	require.NoError(t, err)
	require.Equal(t, "# 0 log lines of 0 pods matching app=no in namespace team-a\n", text)
	require.Empty(t, out.Pods)
}

// TestNobodyMayRead: the same failure of all is the call's.
func TestNobodyMayRead(t *testing.T) {
	answers := map[string]string{
		selectedPath:                podList("", podNamed("web-0", "app"), podNamed("web-1", "app")),
		selectedPath + "/web-0/log": `403 {"kind":"Status","message":"pods/log is forbidden"}`,
		selectedPath + "/web-1/log": `403 {"kind":"Status","message":"pods/log is forbidden"}`,
	}
	_, _, err := logOf(t, answers, podsLogIn{LabelSelector: "app=web"})
	require.Equal(t, "forbidden", answer.Word(err))
}

// TestManyPods share a budget, and their number has a bound.
func TestManyPods(t *testing.T) {
	pods, answers := make([]string, 0, 25), map[string]string{}
	for i := range 25 {
		name := fmt.Sprint("web-", i)
		pods = append(pods, podNamed(name, "one", "two", "three"))
		answers[selectedPath+"/"+name+"/log"] = strings.Repeat(strings.Repeat("x", 99)+"\n", 100)
	}
	answers[selectedPath] = podList(`"continue":"more"`, pods...)
	text, out, err := logOf(t, answers, podsLogIn{LabelSelector: "app=web"})
	require.NoError(t, err)
	require.Less(t, len(text), answer.LogBudget+maxStreams*150)
	require.True(t, out.Truncated)
	require.Len(t, out.Pods, maxPods)
	require.Contains(t, text, "-- More matches than are read: 40 containers of 20 pods at most. Narrow the selector or pass container. --\n")
	require.Contains(t, text, "-- web-0/one: older lines were left out to keep the answer short --\n")
}
