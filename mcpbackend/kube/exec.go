package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// ExecOptions say what to run.
type ExecOptions struct {
	Container string   // "" for the only one
	Command   []string // the program and its arguments; no shell reads them
	Limit     int      // of each stream so many bytes are kept, the first; 0: 256 KiB
}

// ExecResult is what became of a command. Its streams are the container's:
// hostile, and not cleaned.
type ExecResult struct {
	Stdout, Stderr []byte
	Exit           int  // 0 to 255; -1 if the command did not end
	Truncated      bool // there was more output than is here
}

// podPlural is what paths call pods.
const podPlural = "pods"

// The limits of a command.
const (
	defaultOutput = 256 << 10
	maxCommand    = 16 << 10 // bytes of all arguments together; they go into the URL
)

// Exec runs one command in a pod, without input and without a terminal, and
// waits for its end: over a WebSocket (v5.channel.k8s.io, Kubernetes 1.30 and
// later), or over SPDY where the server or something before it refuses that.
// Both go through the guard like every request.
//
// A command that writes more than 8 MiB is left alone: the result is then
// Truncated and Exit is -1. With ctx the call ends; the result then holds what
// had come. The error is an *Error: ReadOnly unless the client is Executing.
func (c *Client) Exec(ctx context.Context, namespace, pod string, o ExecOptions) (ExecResult, error) {
	u, err := c.execURL(namespace, pod, o)
	if err != nil {
		return ExecResult{Exit: -1}, err
	}
	ctx, cancel := context.WithCancel(saying(ctx, c.said))
	defer cancel() // closes every connection that is left
	limit := o.Limit
	if limit <= 0 {
		limit = defaultOutput
	}
	out := &transcript{limit: limit}
	exit, err := c.entry.overWebSocket(ctx, u, out)
	if errors.Is(err, errNoWebSocket) {
		exit, err = c.entry.overSPDY(ctx, u, out)
	}
	result := out.result()
	result.Exit = exit
	if errors.Is(err, errBodyLimit) {
		result.Exit, result.Truncated = -1, true
		return result, nil
	}
	if err != nil {
		result.Exit = -1
		return result, c.entry.failure(networkError(err))
	}
	return result, nil
}

func (c *Client) execURL(namespace, pod string, o ExecOptions) (*url.URL, error) {
	size := 0
	for _, argument := range o.Command {
		size += len(argument)
	}
	switch {
	case !ValidNamespace(namespace), !validSubdomain(pod), o.Container != "" && !validLabel(o.Container):
		return nil, &Error{Trouble: Invalid, Detail: "the namespace, pod or container is no DNS name"}
	case len(o.Command) == 0, o.Command[0] == "":
		return nil, &Error{Trouble: Invalid, Detail: "there is no command"}
	case size > maxCommand:
		return nil, &Error{Trouble: Invalid, Detail: "the command is longer than 16 KiB"}
	}
	query := url.Values{"command": o.Command, "stdout": {"true"}, "stderr": {"true"}}
	if o.Container != "" {
		query.Set("container", o.Container)
	}
	u := *c.entry.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + strings.Join([]string{core, "v1", namespaces, namespace, podPlural, pod, verbExec}, "/")
	u.RawQuery = query.Encode()
	return &u, nil
}

// transcript keeps the beginning of both streams. What writes to it may outlive
// the call.
type transcript struct {
	limit int

	mu       sync.Mutex
	out, err bytes.Buffer
	more     bool
}

func (t *transcript) stdout() stream { return stream{t, &t.out} }
func (t *transcript) stderr() stream { return stream{t, &t.err} }

func (t *transcript) result() ExecResult {
	t.mu.Lock()
	defer t.mu.Unlock()
	return ExecResult{Stdout: bytes.Clone(t.out.Bytes()), Stderr: bytes.Clone(t.err.Bytes()), Truncated: t.more}
}

// stream is one of a transcript's.
type stream struct {
	of  *transcript
	buf *bytes.Buffer
}

// Write is io.Writer's. It keeps what there is room for, and never fails.
func (s stream) Write(p []byte) (int, error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	kept := p
	if room := s.of.limit - s.buf.Len(); len(p) > room {
		kept, s.of.more = p[:room], true
	}
	s.buf.Write(kept)
	return len(p), nil
}

// exitOf reads the metav1.Status that ends a command: its exit code, or why it
// did not run.
func exitOf(status []byte) (int, error) {
	var s struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Reason  string `json:"reason"`
		Code    int    `json:"code"`
		Details struct {
			Causes capped[struct {
				Reason  string `json:"reason"`
				Message string `json:"message"`
			}] `json:"causes"`
		} `json:"details"`
	}
	if err := decodeList(status, &s); err != nil {
		return -1, err
	}
	if s.Status == "Success" {
		return 0, nil
	}
	if s.Status == "Failure" && s.Reason == "NonZeroExitCode" {
		for _, c := range s.Details.Causes.items {
			if c.Reason != "ExitCode" {
				continue
			}
			if code, err := strconv.ParseUint(c.Message, 10, 8); err == nil {
				return int(code), nil
			}
		}
		return -1, garbled()
	}
	if s.Status != "Failure" {
		return -1, garbled()
	}
	return -1, &Error{Trouble: Failed, Status: s.Code, Detail: s.Message}
}

// refusal is what a server said instead of taking a connection over.
type refusal struct {
	status int
	body   []byte
}

// Error is no more than the fact.
func (*refusal) Error() string { return "the API server did not take the connection over" }

// final reports whether another protocol would be refused as well: the server
// does not know the caller, or said in its own words that he may not.
func (r *refusal) final() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return true
	case http.StatusForbidden, http.StatusNotFound:
		var s struct {
			Kind string `json:"kind"`
		}
		return json.Unmarshal(r.body, &s) == nil && s.Kind == "Status"
	}
	return false
}
