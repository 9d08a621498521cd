package describe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// wire is the RoundTripper under the describers. It sends nothing but reads, and
// hands on nothing that was not shaped.
type wire struct {
	shaper

	next   http.RoundTripper
	server string

	path   string // of the object itself
	object []byte // shaped, so that it is asked for once

	unread []string
	items  int // objects of lists, so far
}

// The limits of what is read for one description.
const (
	maxItems  = 2000    // objects of lists
	maxValues = 400_000 // JSON values in one answer
	maxDepth  = 64      // levels
)

func newWire(ctx context.Context, c *kube.Client, kind kube.Kind, namespace, name string) *wire {
	at, _ := url.Parse(c.Server()) // canonical
	segments := []string{at.Path, "apis", kind.Group, kind.Version}
	if kind.Group == "" {
		segments = []string{at.Path, "api", kind.Version}
	}
	if kind.Namespaced {
		segments = append(segments, "namespaces", namespace)
	}
	return &wire{
		next: c.RoundTripper(ctx), server: c.Server(),
		path:   "/" + strings.TrimPrefix(path.Join(append(segments, kind.Resource, name)...), "/"),
		shaper: shaper{ctx: ctx, scrub: c.Scrub},
	}
}

// keep remembers the object for the describer's own question.
func (w *wire) keep(whole map[string]any) (err error) {
	secret := path.Base(path.Dir(w.path)) == "secrets"
	shown := w.whole(whole, secret, maxText)
	if metadata, ok := shown["metadata"].(map[string]any); ok {
		metadata["name"] = path.Base(w.path) // its events are found by it, whatever it looks like
	}
	w.object, err = json.Marshal(shown)
	return err
}

// errUnread stands for whatever went wrong: client-go repeats what fails in some
// ways, and waits in between. What it was is in unread.
var errUnread = errors.New("describe: could not be read")

// RoundTrip is http.RoundTripper's.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	what := resourceOf(req.URL.Path)
	if req.Method != http.MethodGet {
		return nil, errUnread
	}
	if req.URL.Path == w.path {
		return answered(req, http.StatusOK, w.object), nil
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, w.failed(what, err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, w.failed(what, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// A describer that looks for what need not be there is told so.
		if resp.StatusCode != http.StatusNotFound {
			w.note(what, statusWord(resp.StatusCode))
		}
		return answered(req, resp.StatusCode, fmt.Appendf(nil, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"message":%q}`,
			resp.StatusCode, statusWord(resp.StatusCode))), nil
	}
	if body, err = w.shaped(body, what == "secrets"); err != nil {
		return nil, w.failed(what, err)
	}
	return answered(req, http.StatusOK, body), nil
}

func answered(req *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {jsonType}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}
}

func (w *wire) failed(what string, err error) error {
	word := "failed"
	if e, ok := errors.AsType[*kube.Error](err); ok {
		word = e.Trouble.String()
	}
	w.note(what, word)
	return errUnread
}

func (w *wire) note(what, word string) { w.unread = append(w.unread, what+" ("+word+")") }

// statusWord is the word of a Trouble for a status that kept something unread:
// some describers repeat it, and nothing else of the answer.
func statusWord(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return kube.Unauthorized.String()
	case http.StatusForbidden:
		return kube.Forbidden.String()
	case http.StatusNotFound:
		return kube.NotFound.String()
	case http.StatusGone:
		return kube.Gone.String()
	}
	return kube.Failed.String()
}

// resourceOf is the plural in a path: the last word of a list's path, the one
// before the name in an object's.
func resourceOf(p string) string {
	segments := strings.Split(strings.Trim(p, "/"), "/")
	for i, s := range segments {
		rest := segments[i:]
		switch {
		case s == "api" && len(rest) > 2:
			rest = rest[2:]
		case s == "apis" && len(rest) > 3:
			rest = rest[3:]
		default:
			continue
		}
		if rest[0] == "namespaces" && len(rest) > 2 {
			rest = rest[2:]
		}
		return rest[0]
	}
	return "the API"
}

// shaped is an answer made fit: an object, or a list with few enough of them.
func (w *wire) shaped(body []byte, secret bool) ([]byte, error) {
	if err := kube.Measure(body, maxValues, maxDepth); err != nil {
		return nil, err
	}
	var whole map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&whole); err != nil {
		return nil, &kube.Error{Trouble: kube.Garbled, Status: http.StatusOK}
	}
	items, ok := whole["items"].([]any)
	if !ok {
		return json.Marshal(w.whole(whole, secret, maxText))
	}
	metadata, _ := whole["metadata"].(map[string]any)
	if left := maxItems - w.items; len(items) > left || len(items) == left && metadata["continue"] != nil {
		items, w.shortened = items[:left], true
		delete(metadata, "continue")
	}
	w.items += len(items)
	out := make([]any, 0, len(items))
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			out = append(out, w.whole(object, secret, maxListed))
		}
	}
	list := w.whole(map[string]any{"kind": whole["kind"], "apiVersion": whole["apiVersion"], "metadata": metadata}, false, maxText)
	list["items"] = out
	return json.Marshal(list)
}
