package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reasonRevisions are the MCP-Protocol-Version of the clients that each reason is
// shown to; "" sends none.
func reasonRevisions() []string { return []string{"", "2025-06-18", "2025-11-25", "2026-07-28"} }

// reasonStatus is that of an answer which carries the request's id.
func reasonStatus(revision string) int {
	if revision == "2026-07-28" {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// asClient adds the headers of a client of this revision.
func asClient(h harness.Headers, revision string) harness.Headers {
	// Envoy must not take a caller's word for the id of the decision.
	h = h.Plus("X-Request-Id", foreignDecision)
	if revision == "" {
		return h
	}
	return h.Plus("MCP-Protocol-Version", revision)
}

const foreignDecision = "11111111-2222-4333-8444-555555555555"

// reasonCall is a request that the backend would write into its log, had it come so far.
type reasonCall struct{ id, body string }

// reasonCalls differ in what the id is and where it stands.
func reasonCalls() []reasonCall {
	const method = `"method":"tools/call","params":{"name":"whoami","arguments":{}`
	return []reasonCall{
		{`7`, `{"jsonrpc":"2.0","id":7,` + method + `}}`},
		{`-90071992547409931234567890`, `{"id": -90071992547409931234567890 ,"jsonrpc":"2.0",` + method + `}}`},
		{`"\u0061\"\\\/ é"`, `{"jsonrpc":"2.0",` + method + `},"id":"\u0061\"\\\/ é"}`},
		{`"last"`, `{"ID":"no","jsonrpc":"2.0",` + method + `,"_meta":{"id":"no"}},"x":[{"id":"no"}],"id"` + "\n:\t" + `"last" }`},
	}
}

// reasonAsked is a request that was refused, for the logs to be looked through.
type reasonAsked struct {
	fault    reasonFault
	revision string
	decision string
}

// checkReasons sends each fault as each client to a stack, compares the answers, and
// then what the logs say of them.
func checkReasons(t *testing.T, s *harness.Stack, faults []reasonFault) {
	t.Helper()
	clients := []*harness.Client{rig.NewClient(t, false), rig.NewClient(t, true)}
	var all []reasonAsked
	for i, f := range faults {
		for j, revision := range reasonRevisions() {
			t.Run(fmt.Sprintf("%s/%q", f.code, revision), func(t *testing.T) {
				c := reasonCalls()[(i+j)%len(reasonCalls())]
				got, err := clients[i%2].Post(t.Context(), s.URL, asClient(f.send, revision), c.body)
				require.NoError(t, err)
				decision := reasonAnswer{
					status: reasonStatus(revision), code: jsonrpc.InvalidParams, ids: []string{c.id},
					problems: []reasonProblem{{f.code, f.header, f.says}},
				}.check(t, got)
				require.NotEqual(t, foreignDecision, decision)
				checkSilence(t, f.send, got)
				all = append(all, reasonAsked{f, revision, decision})
			})
		}
	}
	checkReasonLogs(t, s, all)
}

// checkReasonLogs wants one line in Envoy's access log and one in the guard's log for
// each refusal, under its decision, and none in the backend's.
func checkReasonLogs(t *testing.T, s *harness.Stack, all []reasonAsked) {
	t.Helper()
	decisions := make([]string, 0, len(all))
	for _, a := range all {
		require.NotContains(t, decisions, a.decision, "two requests have one decision")
		decisions = append(decisions, a.decision)
	}
	access := reasonAccessLog(t, s, decisions...)
	guard, backend := reasonLines(s.Extproc.Output()), reasonLines(s.MCPBackend.Output())
	for _, a := range all {
		// details would read via_upstream had the backend answered.
		require.Equal(t, []reasonLine{{
			Decision: a.decision, Verdict: "reject", Reason: a.fault.code, Details: a.fault.code, Status: reasonStatus(a.revision),
		}}, access[a.decision])
		require.Equal(t, []reasonLine{{
			Decision: a.decision, Reason: a.fault.code, Header: a.fault.header, Message: "request rejected",
		}}, guard[a.decision])
		require.Empty(t, backend[a.decision], "the backend saw a request that was refused for %s", a.fault.code)
	}
}

// TestReasons: whatever is wrong with a request, each client is told so in the
// form that it can read, and the backend hears nothing of it.
func TestReasons(t *testing.T) {
	t.Run("accepted", func(t *testing.T) { checkAccepted(t, shared.Stack, shared.Cluster.Token("alice")) })
	checkReasons(t, shared.Stack, reasonFaults(t))
}

// checkAccepted is the counterpart that makes silence in the backend's log mean
// something: the same calls, without a fault, are in it.
func checkAccepted(t *testing.T, s *harness.Stack, headers harness.Headers) {
	t.Helper()
	client := rig.NewClient(t, false)
	for _, c := range reasonCalls() {
		got, err := client.Post(t.Context(), s.URL, asClient(headers, "2025-11-25"), c.body)
		require.NoError(t, err)
		decision := got.Header.Get("X-Request-ID")
		require.NotEqual(t, foreignDecision, decision)
		require.NotEmpty(t, reasonLines(s.MCPBackend.Output())[decision], "the backend's log lacks a call")
		require.Equal(t, "via_upstream", reasonAccessLog(t, s, decision)[decision][0].Details)
	}
}

// TestReasonsOfStrictPolicies: what the shared endpoint allows, others forbid.
func TestReasonsOfStrictPolicies(t *testing.T) {
	tokens, _ := strictPolicies()
	s := shared.StartStack(t, harness.Options{Policy: tokens})
	checkAccepted(t, s, shared.Cluster.Token("alice"))
	checkReasons(t, s, tokenEndpointFaults())
}

// TestReasonsComplete: a reason that no test here causes through Envoy is not
// in the contract, or has its cause named.
func TestReasonsComplete(t *testing.T) {
	shown := map[string]int{}
	for _, f := range reasonFaults(t) {
		shown[f.code]++
	}
	for _, f := range append(tokenEndpointFaults(), certificateEndpointFaults()...) {
		shown[f.code]++
	}
	for _, f := range envoyReasons() {
		shown[f.code]++
	}
	for _, f := range proofReasons(t) {
		shown[f.code]++
	}
	for _, r := range backendReasons() {
		shown[r.String()]++
	}
	for code, why := range unseenReasons() {
		require.NotEmpty(t, why)
		shown[code]++
	}
	for _, r := range kubeheader.Reasons() {
		require.Equal(t, 1, shown[r.String()], "%s has no request that causes it, or two", r)
		delete(shown, r.String())
	}
	require.Empty(t, shown, "not in the contract")
}
