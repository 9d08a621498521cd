package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// metric is the value of one series of the guard's, as text.
func metric(ctx context.Context, t *testing.T, s *harness.Stack, series string) string {
	t.Helper()
	for line := range strings.Lines(rig.Fetch(ctx, t, new(http.Client), s.GuardAdmin(0)+"/metrics")) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	require.Fail(t, "the guard has no such metric", series)
	return ""
}

// TestReport: a rule that is set to report lets the request through at both
// programs, is counted and logged; the same rule enforced does not.
func TestReport(t *testing.T) {
	t.Parallel()
	const forbid = "tlsServerName: forbid\n"
	reason := kubeheader.ReasonTLSServerNameNotAllowed
	s := shared.StartStack(t, harness.Options{Policy: shared.Policy + forbid + "report: [" + reason.String() + "]\n"})
	client := rig.NewClient(t, false)
	alice := shared.Cluster.Token("alice").Plus(kubeheader.TLSServerName, "localhost")
	series := `kube_guard_reported_total{reason="` + reason.String() + `"}`
	require.Equal(t, "0", metric(t.Context(), t, s, series))
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice))
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice), "and when the verdict is remembered")
	require.Equal(t, "2", metric(t.Context(), t, s, series))
	require.Contains(t, string(s.Extproc.Output()), `"msg":"request would be rejected"`)

	require.NoError(t, s.WritePolicy(shared.Policy+forbid))
	refused := rig.Refusal{Status: http.StatusOK, ID: rig.CallID, Code: -32602, Reason: reason, Header: kubeheader.TLSServerName}
	require.NoError(t, harness.Until(rig.Soon(t), func(ctx context.Context) error {
		res, err := client.Post(ctx, s.URL, alice.With("MCP-Protocol-Version", "2025-11-25"), rig.Call)
		if err != nil {
			return err
		}
		return refused.Differs(res)
	}))
}

// TestPolicyIsFollowed: both programs take up a policy that was written while
// they run, warm clients included; one that cannot be read changes nothing, and
// is shown.
func TestPolicyIsFollowed(t *testing.T) {
	t.Parallel()
	s := shared.StartStack(t, harness.Options{})
	edge := shared.NewEdge(t, s, shared.Policy)
	client := rig.NewClient(t, false)
	alice := shared.Cluster.Token("alice")
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice))

	// The server is allowed no more: the guard says so, and so does the backend,
	// to a proof that was made under the old policy.
	closed := strings.Replace(shared.Policy, "hosts:\n  exact:\n", "hosts:\n  exact:\n  - api.example.com\n  suffixes: []\n", 1)
	closed = strings.Replace(closed, "  - \"127.0.0.1\"\n", "", 1)
	require.NotEqual(t, shared.Policy, closed)
	closed = withoutNetworks(closed)
	require.NoError(t, s.WritePolicy(closed))
	eventually(t, func(ctx context.Context) error {
		return refusedFor(ctx, client, s.URL, alice)
	})
	eventually(t, func(ctx context.Context) error {
		return refusedFor(ctx, client, s.BackendURL, edge.Now(t, alice))
	})

	require.NoError(t, s.WritePolicy(shared.Policy))
	eventually(t, func(ctx context.Context) error { return servedFor(ctx, client, s.URL, alice) })

	require.NoError(t, s.WritePolicy("hosts: [\n"))
	const last = `kube_guard_last_reload_successful{file="policy"}`
	eventually(t, func(ctx context.Context) error {
		if v := metric(ctx, t, s, last); v != "0" {
			return fmt.Errorf("%s is %s", last, v)
		}
		return nil
	})
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice), "the last good policy stays")

	require.NoError(t, s.WritePolicy(shared.Policy+"# mended\n"))
	eventually(t, func(ctx context.Context) error {
		if v := metric(ctx, t, s, last); v != "1" {
			return fmt.Errorf("%s is %s", last, v)
		}
		return nil
	})
}

// withoutNetworks takes out the list of opened networks, which is the last.
func withoutNetworks(policy string) string {
	before, _, _ := strings.Cut(policy, "networks:\n")
	return before
}

func eventually(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	require.NoError(t, harness.Until(rig.Soon(t), condition))
}

func refusedFor(ctx context.Context, client *harness.Client, url string, headers harness.Headers) error {
	res, err := client.Post(ctx, url, headers.With("MCP-Protocol-Version", "2025-11-25"), rig.Call)
	if err != nil {
		return err
	}
	rpc, err := res.RPC()
	if err != nil {
		return err
	}
	if rpc.Error == nil {
		return errors.New("it was served")
	}
	if r := rpc.Error.Data.Reason; r != kubeheader.ReasonHostNotAllowed.String() && r != kubeheader.ReasonAddressNotAllowed.String() {
		return fmt.Errorf("reason %s", r)
	}
	return nil
}

func servedFor(ctx context.Context, client *harness.Client, url string, headers harness.Headers) error {
	res, err := client.Post(ctx, url, headers.With("MCP-Protocol-Version", "2025-11-25"), rig.Call)
	if err != nil {
		return err
	}
	_, err = rig.DecodeUser(res)
	return err
}
