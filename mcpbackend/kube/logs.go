package kube

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LogOptions narrow a log.
type LogOptions struct {
	Container  string        // "" for the only one
	Previous   bool          // of the container that ran before
	Timestamps bool          // each line begins with its time
	Since      time.Duration // only what is newer; whole seconds, rounded up; 0: all
	Tail       int           // at most so many lines, the newest; 0: all
	Limit      int64         // at most so many bytes, the newest; 0 or more than 4 MiB: 4 MiB
}

// maxLog bounds how much of a log is read, in bytes.
const maxLog = 4 << 20

// Logs reads a pod's log: one request. Where it is longer than o.Limit, the
// oldest lines are left out and truncated is true; that also holds where it is
// longer than 4 MiB, of which the server then sends the oldest. The text is the
// container's: hostile, and not cleaned. The error is an *Error.
func (c *Client) Logs(ctx context.Context, namespace, pod string, o LogOptions) (text []byte, truncated bool, err error) {
	query := url.Values{"limitBytes": {strconv.Itoa(maxLog + 1)}}
	if o.Container != "" {
		query.Set("container", o.Container)
	}
	if o.Previous {
		query.Set("previous", "true")
	}
	if o.Timestamps {
		query.Set("timestamps", "true")
	}
	if o.Since > 0 {
		query.Set("sinceSeconds", strconv.FormatFloat(math.Ceil(o.Since.Seconds()), 'f', 0, 64))
	}
	if o.Tail > 0 {
		query.Set("tailLines", strconv.Itoa(o.Tail))
	}
	if !ValidNamespace(namespace) {
		return nil, false, &Error{Trouble: Invalid, Detail: "the namespace is no DNS label"}
	}
	r, err := c.entry.ask(saying(ctx, c.said), call{
		method: http.MethodGet, segments: []string{core, "v1", namespaces, namespace, podPlural, pod, "log"},
		query: query, accept: "text/plain, " + jsonType, text: maxLog, // failures are JSON
	})
	if err != nil {
		return nil, false, err
	}
	text, cut := newest(r.body, o.Limit)
	return text, cut || r.cut, nil
}

// newest is the end of a text, from the beginning of a line if one begins there.
func newest(text []byte, limit int64) ([]byte, bool) {
	if limit <= 0 || int64(len(text)) <= limit {
		return text, false
	}
	end := text[int64(len(text))-limit-1:]
	if at := bytes.IndexByte(end[:len(end)-1], '\n'); at >= 0 {
		return bytes.Clone(end[at+1:]), true
	}
	return bytes.Clone(end[1:]), true
}
