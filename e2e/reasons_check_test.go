package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reasonProblem is one entry of data.problems, the sentence left to says.
type reasonProblem struct{ code, header, says string }

// reasonAnswer is what an answer has to be.
type reasonAnswer struct {
	status   int
	code     int      // of the JSON-RPC error
	array    bool     // of one error per id, and not a single error
	ids      []string // raw; none: the error has no id member
	problems []reasonProblem
	// undecided says that the answer came before the request had a decision id.
	undecided bool
}

// check compares an answer with what it has to be and returns its decision id.
func (want reasonAnswer) check(t *testing.T, got harness.Response) string {
	t.Helper()
	require.Equal(t, want.status, got.Status, "%s", got.Body)
	checkReasonHeaders(t, got.Header)
	answers := []json.RawMessage{got.Body}
	if want.array {
		require.NoError(t, json.Unmarshal(got.Body, &answers), "%s", got.Body)
	}
	ids := want.ids
	if len(ids) == 0 {
		ids = []string{""}
	}
	require.Len(t, answers, len(ids), "%s", got.Body)
	decision := ""
	for i, answer := range answers {
		decision = want.checkError(t, answer, ids[i])
	}
	if want.undecided {
		require.Empty(t, decision)
		return ""
	}
	require.True(t, jsonrpc.ValidDecision(decision), "the decision is no UUID")
	require.Equal(t, decision, got.Header.Get("X-Request-ID"))
	return decision
}

// checkReasonHeaders wants what a browser and a cache need, and nothing that makes a
// client log in or begin a session.
func checkReasonHeaders(t *testing.T, header http.Header) {
	t.Helper()
	require.Equal(t, []string{"application/json"}, header.Values("Content-Type"))
	require.Equal(t, []string{"no-store"}, header.Values("Cache-Control"))
	require.Equal(t, []string{"*"}, header.Values("Access-Control-Allow-Origin"))
	require.Equal(t, []string{"x-request-id"}, header.Values("Access-Control-Expose-Headers"))
	for _, name := range []string{"WWW-Authenticate", "Mcp-Session-Id", "Set-Cookie"} {
		require.NotContains(t, header, http.CanonicalHeaderKey(name))
	}
}

// checkError compares one JSON-RPC error, byte for byte where it matters.
func (want reasonAnswer) checkError(t *testing.T, answer json.RawMessage, id string) (decision string) {
	t.Helper()
	begin := `{"jsonrpc":"2.0","id":` + id + `,"error":{`
	if id == "" {
		begin = `{"jsonrpc":"2.0","error":{`
	}
	// Envoy writes the members of its own answers in an order of its own.
	if id != "" || want.code == jsonrpc.InvalidParams {
		require.True(t, bytes.HasPrefix(answer, []byte(begin)), "wants %s, is %s", begin, answer)
	}
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(answer, &members), "%s", answer)
	require.NotContains(t, members, "result")
	require.Equal(t, id, string(members["id"]))

	var rpc harness.RPC
	require.NoError(t, json.Unmarshal(answer, &rpc))
	require.NotNil(t, rpc.Error, "%s", answer)
	require.Equal(t, want.code, rpc.Error.Code)
	first := rpc.Error.Data
	require.Equal(t, want.problems[0].code, first.Reason)
	require.Equal(t, want.problems[0].header, first.Header)
	listed := make([]reasonProblem, 0, len(first.Problems))
	for i, p := range first.Problems {
		listed = append(listed, reasonProblem{p.Reason, p.Header, ""})
		reason, known := kubeheader.ParseReason(p.Reason)
		require.True(t, known, "%s is no reason", p.Reason)
		require.Equal(t, reason.Problem(p.Header).Message, p.Message, "the sentence is not the reason's own")
		require.NotRegexp(t, `40[14]`, p.Message, "some clients read such a number as a status")
		if i < len(want.problems) {
			require.Contains(t, p.Message, want.problems[i].says)
		}
	}
	codes := make([]reasonProblem, 0, len(want.problems))
	for _, p := range want.problems {
		codes = append(codes, reasonProblem{p.code, p.header, ""})
	}
	require.Equal(t, codes, listed)
	require.Equal(t, first.Problems[0].Message, rpc.Error.Message)
	return first.Decision
}

// checkSilence wants nothing of what was sent in an answer: no value, whole or
// in part, as it is or encoded, and no name that is not in the contract.
func checkSilence(t *testing.T, sent harness.Headers, got harness.Response) {
	t.Helper()
	answer := fmt.Sprintf("%v %s", got.Header, got.Body)
	for _, h := range sent {
		if !kubeheader.Claims(h.Name) {
			continue
		}
		for _, value := range leakSpellings(h.Value) {
			if strings.Contains(answer, value) { // NotContains would print the value
				t.Errorf("the answer holds the value of %s", h.Name)
			}
		}
	}
	require.NotContains(t, strings.ToLower(answer), "canary")
}

// leakSpellings are the forms in which a value could come back. What is shorter
// than the word Bearer is found in any text.
func leakSpellings(value string) []string {
	parts := []string{value, strings.TrimPrefix(value, "Bearer "), strings.TrimPrefix(value, "https://")}
	if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
		parts = append(parts, string(decoded))
		for line := range strings.Lines(string(decoded)) {
			parts = append(parts, strings.TrimSpace(line))
		}
	}
	var out []string
	for _, part := range parts {
		if len(part) > len("Bearer") {
			out = append(out, part, base64.StdEncoding.EncodeToString([]byte(part)), hex.EncodeToString([]byte(part)))
		}
	}
	return out
}

// reasonLine is a line of Envoy's access log or of a program's log.
type reasonLine struct {
	Decision string `json:"decision"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Details  string `json:"details"`
	Status   int    `json:"status"`
	Message  string `json:"msg"`
	Header   string `json:"header"`
}

// reasonLines are the lines that have a decision id, by that id.
func reasonLines(text []byte) map[string][]reasonLine {
	out := map[string][]reasonLine{}
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		var line reasonLine
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Decision != "" {
			out[line.Decision] = append(out[line.Decision], line)
		}
	}
	return out
}

// reasonAccessLog waits until Envoy has written a line for each decision, which it
// does some time after it has answered.
func reasonAccessLog(t *testing.T, s *harness.Stack, decisions ...string) map[string][]reasonLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var lines map[string][]reasonLine
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		text, err := os.ReadFile(s.AccessLogFile())
		if err != nil {
			return err
		}
		lines = reasonLines(text)
		for _, decision := range decisions {
			if len(lines[decision]) == 0 {
				return fmt.Errorf("the access log has no line for %s", decision)
			}
		}
		return nil
	}))
	return lines
}
