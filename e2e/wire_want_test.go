package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// wireWant is what has to follow on something that was sent.
type wireWant struct {
	answers  []wireAnswer
	upstream int    // requests that Envoy passes on
	calls    int    // tool calls that the backend acts on
	then     string // of the connection: "open" or "closed"; "" before the last step
	after    time.Duration
	within   time.Duration
}

// wireAnswer is one answer.
type wireAnswer struct {
	status  int
	reset   string // instead: the HTTP/2 error code of a stream that was reset
	batch   bool
	ids     []string
	code    int // of the JSON-RPC error; 0 for none
	reason  string
	user    string
	empty   bool
	headers harness.Headers
	absent  []string
	says    []string
}

// readWireWant reads a want section, line by line.
func readWireWant(text string) (wireWant, error) {
	w := wireWant{within: 10 * time.Second}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if err := w.read(word, rest); err != nil {
			return w, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		seen[word] = true
	}
	if !seen["upstream"] || !seen["calls"] {
		return w, errors.New("how many requests and calls reach the backend has to be said")
	}
	for _, a := range w.answers {
		if err := a.complete(); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *wireWant) read(word, rest string) (err error) {
	switch word {
	case "status":
		w.answers = append(w.answers, wireAnswer{})
		w.answers[len(w.answers)-1].status, err = strconv.Atoi(rest)
	case "reset":
		w.answers = append(w.answers, wireAnswer{reset: rest})
	case "upstream":
		w.upstream, err = strconv.Atoi(rest)
	case "calls":
		w.calls, err = strconv.Atoi(rest)
	case "then":
		if w.then = rest; rest != "open" && rest != "closed" {
			err = errors.New("open or closed")
		}
	case "after":
		w.after, err = time.ParseDuration(rest)
	case "within":
		w.within, err = time.ParseDuration(rest)
	default:
		if len(w.answers) == 0 {
			return errors.New("an answer begins with its status")
		}
		return w.answers[len(w.answers)-1].read(word, rest)
	}
	return err
}

func (a *wireAnswer) read(word, rest string) (err error) {
	switch word {
	case "batch":
		a.batch = true
	case "id":
		a.ids = append(a.ids, rest)
	case "error":
		code, reason, _ := strings.Cut(rest, " ")
		if _, known := kubeheader.ParseReason(reason); !known && reason != "" {
			return errors.New("no such reason")
		}
		a.reason = reason
		a.code, err = strconv.Atoi(code)
	case "user":
		a.user = rest
	case "says":
		a.says = append(a.says, rest)
	case "header":
		name, value, _ := strings.Cut(rest, ": ")
		a.headers = append(a.headers, harness.Header{Name: name, Value: value})
	case "no":
		what, name, _ := strings.Cut(rest, " ")
		switch {
		case rest == "body":
			a.empty = true
		case rest == "id":
			a.ids = append(a.ids, "")
		case what == "header" && name != "":
			a.absent = append(a.absent, name)
		default:
			return errors.New("no what?")
		}
	default:
		return errors.New("there is no such word")
	}
	return err
}

// complete wants an id, or the word that there is none, wherever one could be.
func (a *wireAnswer) complete() error {
	bare := a.status == http.StatusContinue || a.reset != "" || a.empty || a.code == 0 && a.user == ""
	switch {
	case bare != (len(a.ids) == 0):
		return errors.New("an error and a user have an id or no id, nothing else has one")
	case len(a.ids) > 1 && !a.batch:
		return errors.New("several ids without batch")
	}
	return nil
}

// differs says how an answer is not the one that is wanted.
func (a *wireAnswer) differs(got wireGot) error {
	if got.reset != a.reset || got.Status != a.status {
		return fmt.Errorf("status %d %s, not %d %s", got.Status, got.reset, a.status, a.reset)
	}
	if a.empty && len(got.Body) > 0 {
		return errors.New("it has a body")
	}
	for _, h := range a.headers {
		if values := got.Header.Values(h.Name); !slices.Equal(values, []string{h.Value}) {
			return fmt.Errorf("header %s: %q, not %q", h.Name, values, h.Value)
		}
	}
	for _, name := range a.absent {
		if values := got.Header.Values(name); len(values) > 0 {
			return fmt.Errorf("header %s: %q", name, values)
		}
	}
	for _, text := range a.says {
		if !strings.Contains(string(got.Body), text) {
			return fmt.Errorf("the body does not say %q", text)
		}
	}
	if a.code != 0 {
		if err := wireErrorHeaders(got.Header); err != nil {
			return err
		}
	}
	if a.code == 0 && a.user == "" || a.empty {
		return nil
	}
	messages := []json.RawMessage{got.Message()}
	if a.batch {
		if err := json.Unmarshal(got.Message(), &messages); err != nil {
			return err
		}
	}
	if len(messages) != len(a.ids) {
		return fmt.Errorf("%d messages, not %d", len(messages), len(a.ids))
	}
	for i, message := range messages {
		if err := a.message(message, a.ids[i], got); err != nil {
			return err
		}
	}
	return nil
}

// message says how one JSON-RPC message is not the one that is wanted. The id is
// compared as bytes.
func (a *wireAnswer) message(message json.RawMessage, id string, got wireGot) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(message, &members); err != nil {
		return err
	}
	if _, has := members["id"]; has != (id != "") || string(members["id"]) != id {
		return fmt.Errorf("id %s, not %s", members["id"], id)
	}
	if a.user != "" {
		user, err := rig.DecodeUser(got.Response)
		if err == nil && user != a.user {
			err = fmt.Errorf("user %q, not %q", user, a.user)
		}
		return err
	}
	var rpc harness.RPC
	if err := json.Unmarshal(message, &rpc); err != nil || rpc.Error == nil {
		return errors.New("it is no JSON-RPC error")
	}
	if rpc.Error.Code != a.code || rpc.Error.Data.Reason != a.reason {
		return fmt.Errorf("error %d %s, not %d %s", rpc.Error.Code, rpc.Error.Data.Reason, a.code, a.reason)
	}
	// Before a request is read whole it has no decision; all others have theirs.
	early := []string{kubeheader.ReasonBadRequest.String(), kubeheader.ReasonHeadersTooLarge.String()}
	if d := rpc.Error.Data.Decision; !slices.Contains(early, a.reason) && (!jsonrpc.ValidDecision(d) || d != got.Header.Get("X-Request-ID")) {
		return errors.New("its decision is not that of x-request-id")
	}
	return nil
}

// wireErrorHeaders wants what every rejection carries, and nothing that makes a
// client log in or begin a session.
func wireErrorHeaders(got http.Header) error {
	for _, h := range jsonrpc.Headers() {
		if values := got.Values(h[0]); !slices.Equal(values, []string{h[1]}) {
			return fmt.Errorf("header %s: %q, not %q", h[0], values, h[1])
		}
	}
	for _, name := range []string{"WWW-Authenticate", "Mcp-Session-Id", "Set-Cookie"} {
		if len(got.Values(name)) > 0 {
			return fmt.Errorf("header %s", name)
		}
	}
	return nil
}
