package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// auditLine is the backend's line for a call.
type auditLine struct {
	Message   string `json:"msg"`
	Decision  string `json:"decision"`
	Tool      string `json:"tool"`
	Verb      string `json:"verb"`
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	Outcome   string `json:"outcome"`
	Trouble   string `json:"trouble"`
}

// auditLineOf is the backend's line under a decision; zero while there is none.
func auditLineOf(output []byte, decision string) auditLine {
	for text := range bytes.Lines(output) {
		var line auditLine
		if json.Unmarshal(text, &line) == nil && line.Decision == decision && line.Tool != "" {
			return line
		}
	}
	return auditLine{}
}

// clusterEvent is an event of the API server's audit log.
type clusterEvent struct {
	UserAgent string `json:"userAgent"`
	Verb      string `json:"verb"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// TestOneDecisionInEveryLog: the id that the caller is told stands in Envoy's
// access log, the guard's log, the backend's audit line and the API server's audit
// log, so that each of them leads to the others.
func TestOneDecisionInEveryLog(t *testing.T) {
	s := shared.StartStack(t, harness.Options{LogLevel: "debug"})
	client := rig.NewClient(t, false)
	const call = `{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"resources_get",` +
		`"arguments":{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"feature-flags"}}}`
	for namespace, want := range map[string]struct {
		outcome, trouble string
		code             int
	}{"team-a": {"ok", "", 200}, "team-b": {"tool-error", "forbidden", 403}} {
		got, err := client.Post(t.Context(), s.URL, asClient(shared.Cluster.Token("alice"), ""), strings.ReplaceAll(call, "NAMESPACE", namespace))
		require.NoError(t, err)
		decision := got.Header.Get("X-Request-ID")
		require.Len(t, decision, 36, "%s", got.Body)
		require.NotEqual(t, foreignDecision, decision)
		require.Equal(t, "via_upstream", reasonAccessLog(t, s, decision)[decision][0].Details)
		rig.Eventually(t, func() error { // nobody waits for a log
			if len(reasonLines(s.Extproc.Output())[decision]) == 0 {
				return errors.New("the guard's log lacks the decision")
			}
			line := auditLineOf(s.MCPBackend.Output(), decision)
			if line != (auditLine{"tool call", decision, "resources_get", "get", "configmaps", namespace, want.outcome, want.trouble}) {
				return fmt.Errorf("the backend's line is %+v", line)
			}
			return nil
		})

		text, err := os.ReadFile(filepath.Join(shared.Dir, "k", "audit.log"))
		require.NoError(t, err)
		var events []clusterEvent
		for text := range bytes.Lines(text) {
			var e clusterEvent
			if json.Unmarshal(text, &e) == nil && e.ObjectRef.Resource == "configmaps" && strings.Contains(e.UserAgent, decision) {
				events = append(events, e)
			}
		}
		require.Len(t, events, 1, "the API server's audit log")
		e := events[0]
		require.Equal(t, "kubernetes-mcp-edge (decision "+decision+")", e.UserAgent)
		require.Equal(t, "alice", e.User.Username)
		require.Equal(t, []string{"get", namespace, "feature-flags"}, []string{e.Verb, e.ObjectRef.Namespace, e.ObjectRef.Name})
		require.Equal(t, want.code, e.ResponseStatus.Code)
	}
}
