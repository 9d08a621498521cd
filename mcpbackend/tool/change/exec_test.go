package change

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// webPod is a Pod of two containers that runs.
const webPod = `{"spec":{"containers":[{"name":"web"},{"name":"side"}],"initContainers":[{"name":"init"}]},"status":{"phase":"Running"}}`

// The channels of v5.channel.k8s.io.
const (
	stdout = 1
	stderr = 2
	status = 3
)

// exited is the status of a command that ended with 3.
const exited = `{"kind":"Status","status":"Failure","reason":"NonZeroExitCode","message":"command terminated with exit code 3","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}`

// container opens a server on which the Pod a runs commands as run does: its
// frames begin with their channel.
func container(t *testing.T, pod string, run func(ctx context.Context, r *http.Request, send func(channel byte, text string))) *kube.Client {
	t.Helper()
	answers := map[string]string{podA: pod}
	h, c := brokenapi.Visit(t, answers)
	h.Handle(podA+"/exec", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v5.channel.k8s.io"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		ctx := conn.CloseRead(r.Context())
		run(ctx, r, func(channel byte, text string) {
			_ = conn.Write(ctx, websocket.MessageBinary, append([]byte{channel}, text...))
		})
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})
	return c.Executing()
}

func echo(_ context.Context, _ *http.Request, send func(byte, string)) {
	send(stdout, "out \x1b[31mred\u202e\n")
	send(stderr, "err "+brokenapi.Token)
	send(status, exited)
}

func call(t *testing.T, c *kube.Client, change ...func(*execIn)) (text string, out Executed, err error) {
	t.Helper()
	in := execIn{Name: "a", Namespace: "team-a", Command: []string{"sh", "-c", "x y"}}
	for _, f := range change {
		f(&in)
	}
	return execute(brokenapi.Soon(t), c, in)
}

// TestExec: the exit code and both streams, cleaned, whatever the code is.
func TestExec(t *testing.T) {
	text, out, err := call(t, container(t, webPod, echo))
	require.NoError(t, err)
	require.Equal(t, "Exit code 3 in container web of Pod a in namespace team-a\n--- stdout ---\nout red\n--- stderr ---\nerr [redacted]\n", text)
	require.Equal(t, Executed{Namespace: "team-a", Pod: "a", Container: "web", ExitCode: 3}, out)
	text, out, err = call(t, container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) { send(status, success) }))
	require.NoError(t, err)
	require.Equal(t, "Exit code 0 in container web of Pod a in namespace team-a\n(no output)\n", text)
	require.Zero(t, out.ExitCode)
}

// TestExecChooses the container as kubectl does, and says what it ran.
func TestExecChooses(t *testing.T) {
	for name, test := range map[string]struct{ pod, asked, want, err string }{
		"first":           {webPod, "", "web", ""},
		"named":           {webPod, "side", "side", ""},
		"init":            {webPod, "init", "init", ""},
		"default":         {strings.Replace(webPod, `{"spec"`, `{"metadata":{"annotations":{"kubectl.kubernetes.io/default-container":"side"}},"spec"`, 1), "", "side", ""},
		"a hostile one":   {strings.Replace(webPod, `{"spec"`, `{"metadata":{"annotations":{"kubectl.kubernetes.io/default-container":"../x"}},"spec"`, 1), "", "web", ""},
		"none":            {`{}`, "", "", ""},
		"not to be read":  {`403 {"kind":"Status"}`, "", "", ""},
		"named unseen":    {`403 {"kind":"Status"}`, "side", "side", ""},
		"wrong":           {webPod, "wrong", "", "the Pod has no container of that name; it has: web, side, init."},
		"a path":          {webPod, "../x", "", "container is not the name of a container"},
		"no pod":          {missing, "", "", "There is no such object"},
		"pod that ended":  {strings.Replace(webPod, "Running", "Succeeded", 1), "", "", "the Pod has ended (Succeeded)"},
		"pod that failed": {strings.Replace(webPod, "Running", "Failed", 1), "", "", "the Pod has ended (Failed)"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c := container(t, test.pod, func(_ context.Context, r *http.Request, send func(byte, string)) {
				asked = append(asked, r.URL.Query().Get("container"), strings.Join(r.URL.Query()["command"], "|"))
				send(status, success)
			})
			_, out, err := call(t, c, func(in *execIn) { in.Container = test.asked })
			if test.err != "" {
				require.ErrorContains(t, answer.Advise(err), test.err)
				require.Nil(t, asked)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, out.Container)
			require.Equal(t, []string{test.want, "sh|-c|x y"}, asked)
		})
	}
	_, _, err := call(t, container(t, webPod, echo), func(in *execIn) { in.Name = "../x" })
	require.ErrorContains(t, err, "name is not the name of an object")
	_, _, err = call(t, container(t, webPod, echo), func(in *execIn) { in.Namespace = "" })
	require.ErrorContains(t, err, "namespace")
}

// TestExecLargeOutput is cut, and says so.
func TestExecLargeOutput(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	c := container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) {
		for range 10 {
			send(stdout, strings.Repeat(line, 300))
		}
		send(stderr, "done\n")
		send(status, success)
	})
	text, out, err := call(t, c)
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Less(t, len(text), 32<<10)
	require.Contains(t, text, line+"-- cut: there is more, which is not shown --\n--- stderr ---\ndone\n")
	// What a cut may have halved is not shown.
	c = container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) {
		send(stdout, strings.Repeat("x", maxStream-6)+" "+brokenapi.Token)
		send(status, success)
	})
	text, _, err = call(t, c)
	require.NoError(t, err)
	require.NotContains(t, text, "CAN")
	require.Contains(t, text, "-- cut: there is more")
	c = container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) {
		send(stdout, "begin\n"+strings.Repeat("\x1b[31m", (maxStream+maxHalf-10)/5)+brokenapi.Token)
		send(status, success)
	})
	text, _, err = call(t, c)
	require.NoError(t, err)
	require.NotContains(t, text, "CAN", "what is cleaned away makes room for no half")
	require.Contains(t, text, "-- cut: there is more")
	c = container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) {
		send(stdout, strings.Repeat("\x1b[31m", (maxStream+maxHalf)/5+1))
		send(status, success)
	})
	text, _, err = call(t, c)
	require.NoError(t, err)
	require.Contains(t, text, "--- stdout ---\n\n-- cut: there is more", "of nothing that can be seen")
	c = container(t, webPod, func(ctx context.Context, _ *http.Request, send func(byte, string)) {
		for ctx.Err() == nil {
			send(stdout, strings.Repeat(line, 300))
		}
	})
	_, _, err = call(t, c)
	require.ErrorContains(t, err, "The command in container web of Pod a in namespace team-a wrote too much and is no longer waited for; it may still run.")
	require.ErrorContains(t, err, "It began:\n--- stdout ---\nxxx")
	require.Equal(t, "too-large", answer.Word(err))
}

// TestExecThatNeverEnds is left alone in time, with what it wrote.
func TestExecThatNeverEnds(t *testing.T) {
	c := container(t, webPod, func(ctx context.Context, _ *http.Request, send func(byte, string)) {
		send(stdout, "tick\n")
		<-ctx.Done()
	})
	ctx, cancel := context.WithTimeout(brokenapi.Soon(t), execSpare+time.Second)
	defer cancel()
	_, _, err := execute(ctx, c, execIn{Name: "a", Namespace: "team-a", Command: []string{"sleep"}})
	require.NoError(t, ctx.Err(), "nobody would read the answer")
	require.ErrorContains(t, err, "did not end in time, and is no longer waited for; it may still run. Use one that ends by itself. Until then it wrote:\n--- stdout ---\ntick\n")
	require.Equal(t, "deadline", answer.Word(err))
	require.Equal(t, execTime, timeFor(t.Context()))
	long, cancelLong := context.WithTimeout(t.Context(), time.Hour)
	defer cancelLong()
	require.Equal(t, execTime, timeFor(long))
}

// TestExecThatIsLost or refused says which.
func TestExecThatIsLost(t *testing.T) {
	c := container(t, webPod, func(_ context.Context, _ *http.Request, send func(byte, string)) { send(stdout, "tick\n") })
	_, _, err := call(t, c)
	require.ErrorContains(t, err, "The command in container web of Pod a in namespace team-a was lost; until then it wrote:\n--- stdout ---\ntick\n")
	require.ErrorContains(t, err, doubt)
	h, reader := brokenapi.Visit(t, map[string]string{podA: webPod})
	h.Answer(podA+"/exec", `403 {"kind":"Status","message":"bob cannot create pods/exec"}`)
	_, _, err = call(t, reader.Executing())
	require.ErrorContains(t, err, "The command did not run in container web of Pod a in namespace team-a: The cluster's RBAC does not allow this")
	require.NotContains(t, err.Error(), doubt)
	before := len(h.Requests())
	_, _, err = call(t, reader.Writing())
	require.Equal(t, "read-only", answer.Word(err))
	require.Len(t, h.Requests(), before+1, "only the Pod was looked at")
}
