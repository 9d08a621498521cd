package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// view writes what a person at a terminal reads.
type view struct {
	out   io.Writer
	begin time.Time
}

// component says that one became ready.
func (v *view) component(name, detail string) {
	v.printf("ready %-12s %5.1fs  %s\n", name, time.Since(v.begin).Seconds(), detail)
}

// printf drops the error: there is nobody else to tell.
func (v *view) printf(format string, args ...any) { _, _ = fmt.Fprintf(v.out, format, args...) }

// exchange is one call that is shown, and what has to come back.
type exchange struct {
	title   string
	headers harness.Headers
	id      string // of the JSON-RPC request, as it stands in the body
	tool    string
	reason  string // of the rejection; "" for a good call
}

// whoami is the tool that the shown calls call.
const whoami = "whoami"

// exchanges are one good call and four bad ones, each bad one a mistake that
// people make.
func exchanges(good harness.Headers) []exchange {
	credentials := []string{kubeheader.Authorization, kubeheader.ClientCertificate, kubeheader.ClientKey}
	return []exchange{
		{title: "a good call: who am I on this cluster?", headers: good, id: "1", tool: whoami},
		{
			title:   "bad: the credential was forgotten",
			headers: good.Without(credentials...), id: `"a-string"`, tool: whoami, reason: "credential-missing",
		},
		{
			title:   "bad: the client did not expand its placeholder",
			headers: good.Without(credentials...).With(kubeheader.Authorization, "Bearer ${TOKEN}"), id: "9007199254740993", tool: whoami, reason: "placeholder",
		},
		{
			title:   "bad: the cloud's metadata service instead of a cluster",
			headers: good.With(kubeheader.Server, "https://169.254.169.254"), id: "2", tool: whoami, reason: "address-not-allowed",
		},
		{
			title:   "bad: a header that the contract does not know",
			headers: good.Plus("kubernetes-context", "production"), id: "3", tool: whoami, reason: "unknown-header",
		},
	}
}

// calls makes the exchanges, shows request and answer, and fails when an answer
// is not the one that was announced.
func (v *view) calls(ctx context.Context, s *harness.Stack, t target) error {
	client := harness.NewClient(false)
	defer client.Close()
	for _, x := range exchanges(t.headers()) {
		body := `{"jsonrpc":"2.0","id":` + x.id + `,"method":"tools/call","params":{"name":"` + x.tool + `","arguments":{}}}`
		v.printf("\n--- %s\n\nPOST %s\n", x.title, s.URL)
		for _, h := range x.headers {
			v.printf("%s: %s\n", h.Name, elide(h))
		}
		v.printf("\n%s\n", body)
		res, err := client.Post(ctx, s.URL, x.headers, body)
		if err != nil {
			return err
		}
		v.printf("\nHTTP %d %s\n%s\n", res.Status, res.Header.Get("Content-Type"), indent(res.Message()))
		if err := x.check(res); err != nil {
			return fmt.Errorf("%s: %w", x.title, err)
		}
	}
	v.printf("\nAll five answers are as they should be.\n")
	return nil
}

// check compares an answer with what was announced.
func (x exchange) check(res harness.Response) error {
	rpc, err := res.RPC()
	switch {
	case err != nil:
		return fmt.Errorf("the answer is no JSON-RPC: %w", err)
	case string(rpc.ID) != x.id:
		return fmt.Errorf("the answer has the id %s, not %s", rpc.ID, x.id)
	case x.reason == "" && (rpc.Error != nil || bytes.Contains(rpc.Result, []byte(`"isError":true`))):
		return errors.New("a good call failed")
	case x.reason != "" && rpc.Error == nil:
		return errors.New("a bad call was answered")
	case x.reason != "" && rpc.Error.Data.Reason != x.reason:
		return fmt.Errorf("the reason is %s, not %s", rpc.Error.Data.Reason, x.reason)
	}
	return nil
}

// elide shows what a value is and never what it holds, but for the server.
func elide(h harness.Header) string {
	if h.Name == kubeheader.Server || strings.Contains(h.Value, "${") || len(h.Value) < 12 {
		return h.Value
	}
	if rest, ok := strings.CutPrefix(h.Value, "Bearer "); ok {
		return fmt.Sprintf("Bearer ... (%d bytes)", len(rest))
	}
	return fmt.Sprintf("... (%d bytes)", len(h.Value))
}

func indent(message []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, message, "", "  ") != nil {
		return string(message)
	}
	return out.String()
}
