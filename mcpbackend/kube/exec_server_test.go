package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// ran is what a container does with a command.
type ran func(command []string, stdout, stderr func([]byte)) (status string)

const success = `{"kind":"Status","status":"Success"}`

// exited is the status of a command that ended with a code.
func exited(code string) string {
	return `{"kind":"Status","status":"Failure","reason":"NonZeroExitCode","message":"command terminated with exit code ` + code +
		`","details":{"causes":[{"reason":"ExitCode","message":"` + code + `"}]}}`
}

// greet writes to both streams and ends with 3.
func greet(_ []string, stdout, stderr func([]byte)) string {
	stdout([]byte("out\n"))
	stderr([]byte("err\n"))
	return exited("3")
}

const execPath = "/api/v1/namespaces/team-a/pods/web-0/exec"

// overWS is an API server that runs commands over WebSockets alone.
func overWS(t *testing.T, run ran) http.HandlerFunc {
	t.Helper()
	return wsServer(t, func(ctx context.Context, conn *websocket.Conn, r *http.Request) {
		send := func(channel byte) func([]byte) {
			return func(p []byte) { _ = conn.Write(ctx, websocket.MessageBinary, append([]byte{channel}, p...)) }
		}
		send(errorChannel)([]byte(run(r.URL.Query()["command"], send(stdoutChannel), send(stderrChannel))))
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})
}

func wsServer(t *testing.T, serve func(context.Context, *websocket.Conn, *http.Request)) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			refuse(w, http.StatusBadRequest, "unable to upgrade: websocket only", "")
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{execProtocol}})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		serve(r.Context(), conn, r)
	}
}

// overSPDY is an API server that knows SPDY alone, as those before Kubernetes
// 1.29 do.
func overSPDY(run ran) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), spdyProtocol) {
			http.Error(w, "Forbidden", http.StatusForbidden) // as golang.org/x/net/websocket says it
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
			return
		}
		streams := make(chan httpstream.Stream, 8)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if conn == nil {
			return
		}
		defer func() { _ = conn.Close() }()
		named := map[string]httpstream.Stream{}
		for range 3 {
			select {
			case s := <-streams:
				named[s.Headers().Get(corev1.StreamType)] = s
			case <-conn.CloseChan():
				return
			}
		}
		write := func(name string) func([]byte) { return func(p []byte) { _, _ = named[name].Write(p) } }
		status := run(r.URL.Query()["command"], write("stdout"), write("stderr"))
		_ = named["stdout"].Close()
		_ = named["stderr"].Close()
		write("error")([]byte(status))
		_ = named["error"].Close()
		<-conn.CloseChan()
	}
}

// executor is a client that may run commands, on this server.
func executor(t *testing.T, h *hostile) *Client {
	t.Helper()
	return clientOf(t, h, mayExec).Executing()
}

func mayExec(c *Config) { c.Execs = true }

// runs are both protocols.
func runs(t *testing.T, run ran) map[string]http.HandlerFunc {
	t.Helper()
	return map[string]http.HandlerFunc{"websocket": overWS(t, run), "spdy": overSPDY(run)}
}

// TestExec has both streams, the exit code and the arguments, over each protocol.
func TestExec(t *testing.T) {
	var got []string
	for name, handler := range runs(t, func(command []string, stdout, stderr func([]byte)) string {
		got = command
		return greet(command, stdout, stderr)
	}) {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, handler)
			result, err := executor(t, h).Exec(within(t, 10*time.Second), "team-a", "web-0",
				ExecOptions{Container: "main", Command: []string{"sh", "-c", "a & b=%2F"}})
			require.NoError(t, err)
			require.Equal(t, ExecResult{Stdout: []byte("out\n"), Stderr: []byte("err\n"), Exit: 3}, result)
			require.Equal(t, []string{"sh", "-c", "a & b=%2F"}, got)
			sent := h.last(t)
			require.Equal(t, execPath, sent.URL.Path)
			require.Equal(t, "main", sent.URL.Query().Get("container"))
			require.Equal(t, "Bearer alice-token", sent.Header.Get("Authorization"))
			require.Equal(t, agent(decision), sent.Header.Get("User-Agent"))
			require.Equal(t, 1, sent.ProtoMajor)
			want := map[string]int{"websocket": 1, "spdy": 2}[name]
			require.Len(t, h.paths(), want)
		})
	}
}

// TestExecEnds tells success from failure to start.
func TestExecEnds(t *testing.T) {
	failure, err := json.Marshal(map[string]any{"kind": "Status", "status": "Failure", "code": 500, "message": "no such file: CANARY-token"})
	require.NoError(t, err)
	for status, want := range map[string]Trouble{
		success: 0, exited("0"): 0, exited("255"): 0, exited("256"): Garbled, exited("-1"): Garbled, string(failure): Failed,
		"": Garbled, "{": Garbled, `{"status":"Success?"}`: Garbled, `{"status":"Failure","reason":"NonZeroExitCode"}`: Garbled,
	} {
		for name, handler := range runs(t, func([]string, func([]byte), func([]byte)) string { return status }) {
			result, err := executor(t, newHostile(t, handler)).Exec(within(t, 10*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
			require.Equal(t, want, trouble(t, err), "%s %s", name, status)
			if want != 0 {
				require.Equal(t, -1, result.Exit)
			}
		}
	}
}

// TestExecIsCapped keeps the beginning of each stream, and the exit code.
func TestExecIsCapped(t *testing.T) {
	for name, handler := range runs(t, func(_ []string, stdout, stderr func([]byte)) string {
		for range 64 {
			stdout([]byte(strings.Repeat("o", 1000)))
		}
		stderr([]byte("short"))
		return success
	}) {
		t.Run(name, func(t *testing.T) {
			result, err := executor(t, newHostile(t, handler)).Exec(within(t, 10*time.Second), "team-a", "web-0",
				ExecOptions{Command: []string{"yes"}, Limit: 1500})
			require.NoError(t, err)
			require.Equal(t, ExecResult{Stdout: []byte(strings.Repeat("o", 1500)), Stderr: []byte("short"), Truncated: true}, result)
		})
	}
}

// TestExecNeedsLeave from the operator and from the tool.
func TestExecNeedsLeave(t *testing.T) {
	h := newHostile(t, overWS(t, greet))
	for name, client := range map[string]*Client{
		"reader":             clientOf(t, h, mayExec),
		"writer":             clientOf(t, h, mayExec, mayWrite).Writing(),
		"not the operator's": clientOf(t, h, mayWrite).Executing(),
	} {
		_, err := client.Exec(within(t, 5*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
		require.Equal(t, ReadOnly, trouble(t, err), name)
	}
	require.Empty(t, h.paths())
}

func mayWrite(c *Config) { c.Writes = true }

// TestExecNames become no paths, and a command has a size.
func TestExecNames(t *testing.T) {
	h := newHostile(t, overWS(t, greet))
	for _, bad := range []struct {
		namespace, pod string
		o              ExecOptions
	}{
		{"team-a/x", "web-0", ExecOptions{Command: []string{"true"}}},
		{"team-a", "..", ExecOptions{Command: []string{"true"}}},
		{"team-a", "web-0/log?", ExecOptions{Command: []string{"true"}}},
		{"team-a", "web-0", ExecOptions{Container: "a b", Command: []string{"true"}}},
		{"team-a", "web-0", ExecOptions{}},
		{"team-a", "web-0", ExecOptions{Command: []string{""}}},
		{"team-a", "web-0", ExecOptions{Command: []string{strings.Repeat("x", maxCommand+1)}}},
	} {
		_, err := executor(t, h).Exec(within(t, 5*time.Second), bad.namespace, bad.pod, bad.o)
		require.Equal(t, Invalid, trouble(t, err))
	}
	require.Empty(t, h.paths())
}
