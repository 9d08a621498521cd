package e2e

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestRollingFinishesRejections: a rejected request waits for its body when the
// guard is told to end. The body comes late: while the guard still takes new
// streams, and after it has closed its door. Either gets its readable answer,
// with its own id, and the guard ends well.
func TestRollingFinishesRejections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		then func(t *testing.T, s *harness.Stack) error // nil once the body may come
	}{
		{"while it is leaving", func(_ *testing.T, s *harness.Stack) error {
			if !strings.Contains(string(s.Extproc.Output()), `"msg":"draining"`) {
				return errors.New("the guard does not drain")
			}
			return nil
		}},
		{"when it takes no more", func(t *testing.T, s *harness.Stack) error {
			t.Helper()
			if s.Listens(t.Context(), 0) {
				return errors.New("the guard still takes new streams")
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shared.StartStack(t, harness.Options{PolicyExtra: "limits: {guard: {drain: 10s, bodyTimeout: 8s}}\n"})
			body, late := io.Pipe()
			bad := shared.Cluster.Token("alice").With(kubeheader.Server, "http://127.0.0.1:6443")
			answer := make(chan harness.Response, 1)
			client := rig.NewClient(t, false)
			go func() {
				res, err := client.Do(t.Context(), http.MethodPost, s.URL, bad, body)
				if err != nil {
					t.Error(err)
				}
				answer <- res
			}()
			rig.Eventually(t, func() error {
				if rig.EnvoyStat(t, s, "cluster.guard.upstream_rq_active") != 1 {
					return errors.New("no stream waits")
				}
				return nil
			})
			s.Extproc.Signal(syscall.SIGTERM)
			rig.Eventually(t, func() error { return c.then(t, s) })
			_, err := late.Write([]byte(rig.Call))
			require.NoError(t, err)
			require.NoError(t, late.Close())
			(rig.Refusal{
				Status: http.StatusOK, ID: rig.CallID, Code: -32602,
				Reason: kubeheader.ReasonServerScheme, Header: kubeheader.Server,
			}).Check(t, <-answer)
			ended(t, s.Extproc)
		})
	}
}
