package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reasonShape is a kind of message, and the ids with which a legacy client is
// answered.
type reasonShape struct {
	name, method, body string
	ids                []string // none: 400 and an error without id, for everybody
	batch              bool     // a modern client's gets no ids
}

// request is a message that wants an answer.
func request(id string) string {
	return `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}},"id":` + id + `}`
}

const notification = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`

func reasonShapes() []reasonShape {
	post := func(name, body string, ids ...string) reasonShape {
		return reasonShape{name, http.MethodPost, body, ids, strings.HasPrefix(body, "[")}
	}
	other := func(method, body string) reasonShape {
		return reasonShape{"method " + method, method, body, nil, false}
	}
	batch := func(n int) (string, []string) {
		messages, ids := make([]string, 0, n), make([]string, 0, n)
		for i := range n {
			ids = append(ids, strconv.Itoa(i))
			messages = append(messages, request(ids[i]))
		}
		return "[" + strings.Join(messages, ",") + "]", ids
	}
	most, ids := batch(32)
	tooMany, _ := batch(33)
	longest := `"` + strings.Repeat("i", 254) + `"`
	return []reasonShape{
		post("request", request("1"), "1"),
		post("request and white space", "\r\n\t "+request("1")+"\n", "1"),
		post("notification", notification),
		post("response", `{"jsonrpc":"2.0","id":1,"result":{}}`),
		post("error response", `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`),
		post("batch", "["+request("1")+","+notification+`,`+request(`"b"`)+"]", "1", `"b"`),
		post("batch of 32", most, ids...),
		post("batch of 33", tooMany),
		post("batch of notifications", "["+notification+","+notification+"]"),
		post("empty batch", "[]"),
		post("no body", ""),
		post("no JSON", "canary"),
		post("half a message", strings.TrimSuffix(request("1"), "}")),
		post("two messages", request("1")+request("2")),
		post("a string", `"id"`),
		post("id of 256 bytes", request(longest), longest),
		post("id of 257 bytes", request(`"i`+longest[1:])),
		post("id null", request("null")),
		post("id of a fraction", request("1.0")),
		post("id of an object", request(`{"id":1}`)),
		post("id twice", request(`1,"id":2`)),
		post("id in another case", strings.Replace(request("1"), `"id"`, `"ID"`, 1)),
		other(http.MethodGet, ""),
		other(http.MethodDelete, ""),
		other(http.MethodHead, ""),
		other(http.MethodPut, request("1")),
		other(http.MethodPatch, request("1")),
	}
}

// answer is what a client of this revision gets.
func (s reasonShape) answer(revision string, problem reasonProblem) reasonAnswer {
	want := reasonAnswer{status: reasonStatus(revision), code: jsonrpc.InvalidParams, ids: s.ids, array: s.batch, problems: []reasonProblem{problem}}
	if len(s.ids) == 0 || s.batch && want.status != http.StatusOK {
		want.status, want.ids, want.array = http.StatusBadRequest, nil, false
	}
	return want
}

// TestReasonOfEveryShape: an answer has the form that the message asks for, over
// both protocols.
func TestReasonOfEveryShape(t *testing.T) {
	send := shared.Cluster.Token("alice").Without(kubeheader.Authorization)
	problem := reasonProblem{"credential-missing", kubeheader.Authorization, "is missing"}
	var decisions []string
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for _, shape := range reasonShapes() {
			for _, revision := range reasonRevisions() {
				t.Run(fmt.Sprintf("http2=%t/%s/%q", http2, shape.name, revision), func(t *testing.T) {
					got, err := client.Do(t.Context(), shape.method, shared.Stack.URL, asClient(send, revision), strings.NewReader(shape.body))
					require.NoError(t, err)
					checkSilence(t, send, got)
					if shape.method == http.MethodHead { // it has no body, all else is the same
						require.Equal(t, http.StatusBadRequest, got.Status)
						checkReasonHeaders(t, got.Header)
						decisions = append(decisions, got.Header.Get("X-Request-ID"))
						return
					}
					decisions = append(decisions, shape.answer(revision, problem).check(t, got))
				})
			}
		}
	}
	lines := reasonAccessLog(t, shared.Stack, decisions...)
	for _, decision := range decisions {
		require.Equal(t, problem.code, lines[decision][0].Reason)
		require.Equal(t, problem.code, lines[decision][0].Details)
	}
}

// TestReasonOfEveryRevision: only one date from 2026-07-28 on makes a client modern.
func TestReasonOfEveryRevision(t *testing.T) {
	send := shared.Cluster.Token("alice").Without(kubeheader.Authorization)
	client := rig.NewClient(t, false)
	for _, c := range []struct {
		versions []string
		status   int
	}{
		{[]string{"2024-11-05"}, 200},
		{[]string{"2026-07-27"}, 200},
		{[]string{"2026-07-28"}, 400},
		{[]string{"2027-01-01"}, 400},
		{[]string{"2026-07-32"}, 200},
		{[]string{"9999"}, 200},
		{[]string{"draft"}, 200},
		{[]string{"2026-07-28-draft"}, 200},
		{[]string{""}, 200},
		{[]string{"2026-07-28", "2026-07-28"}, 200},
		{[]string{"2025-11-25", "2026-07-28"}, 200},
		{[]string{"2026-07-28,2026-07-28"}, 200},
	} {
		headers := send
		for _, version := range c.versions {
			headers = headers.Plus("MCP-Protocol-Version", version)
		}
		t.Run(fmt.Sprint(c.versions), func(t *testing.T) {
			got, err := client.Post(t.Context(), shared.Stack.URL, headers, request("1"))
			require.NoError(t, err)
			reasonAnswer{
				status: c.status, code: jsonrpc.InvalidParams, ids: []string{"1"},
				problems: []reasonProblem{{"credential-missing", kubeheader.Authorization, "is missing"}},
			}.check(t, got)
		})
	}
}

// TestReasonOfLargeBodies: a body of which the guard sees the beginning only is
// answered with the id, if it stands there.
func TestReasonOfLargeBodies(t *testing.T) {
	send := shared.Cluster.Token("alice").Without(kubeheader.Authorization)
	filler := func(n int) string { return `"x":"` + strings.Repeat("x", n) + `"` }
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for _, size := range []int{512 << 10, 3 << 20, 24 << 20} {
			for _, c := range []struct {
				name, body string
				lost       bool
			}{
				{"id first", `{"jsonrpc":"2.0","id":1,"method":"ping",` + filler(size) + `}`, false},
				{"id last", `{"jsonrpc":"2.0","method":"ping",` + filler(size) + `,"id":1}`, size > 1<<20},
			} {
				t.Run(fmt.Sprintf("http2=%t/%d KiB/%s", http2, size>>10, c.name), func(t *testing.T) {
					want := reasonAnswer{
						status: http.StatusOK, code: jsonrpc.InvalidParams, ids: []string{"1"},
						problems: []reasonProblem{{"credential-missing", kubeheader.Authorization, "is missing"}},
					}
					if c.lost {
						want.status, want.ids = http.StatusBadRequest, nil
					}
					got, err := client.Post(t.Context(), shared.Stack.URL, asClient(send, ""), c.body)
					require.NoError(t, err)
					want.check(t, got)
				})
			}
		}
	}
}

// TestReasonOfABodyThatDoesNotCome: who announces a body and does not send it is
// answered all the same, without the id that the rest might have contradicted.
func TestReasonOfABodyThatDoesNotCome(t *testing.T) {
	const head = "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nkubernetes-namespace: team-a\r\n"
	texts := []string{
		head + "Content-Length: 100\r\n\r\n",
		head + "Content-Length: 100\r\n\r\n" + `{"jsonrpc":"2.0","id":1,`,
		head + "Transfer-Encoding: chunked\r\n\r\n18\r\n" + `{"jsonrpc":"2.0","id":1,` + "\r\n",
	}
	answers, errs := make([]harness.Response, len(texts)), make([]error, len(texts))
	var wg sync.WaitGroup // each waits for the guard's patience to end
	for i, text := range texts {
		wg.Go(func() { answers[i], errs[i] = exchangeRaw(t.Context(), shared.Stack.URL, text) })
	}
	wg.Wait()
	for i, got := range answers {
		require.NoError(t, errs[i])
		require.Equal(t, http.StatusBadRequest, got.Status)
		checkReasonHeaders(t, got.Header)
		rpc, err := got.RPC()
		require.NoError(t, err)
		require.Nil(t, rpc.ID)
		require.Equal(t, "server-missing", rpc.Error.Data.Reason)
	}
}
