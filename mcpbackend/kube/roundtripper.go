package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
)

// maxRequests is how many requests one RoundTripper sends.
const maxRequests = 64

// roundTripper is a function, so that nothing can be read out of it.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip is http.RoundTripper's.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// RoundTripper is for a library that brings no context of its own, such as
// kubectl's describers: what it sends through it is the caller's, ends with ctx
// (and with its own context, if it has one), obeys all that a Client obeys, and
// is at most 64 requests, whose answers are read to their ends and count as
// objects that the call holds. It holds no credential that could be read back,
// and goes to c.Server alone. Its errors are *Error.
func (c *Client) RoundTripper(ctx context.Context) http.RoundTripper {
	ctx = saying(ctx, c.said)
	var sent atomic.Int64
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if sent.Add(1) > maxRequests {
			closeBody(req)
			return nil, &Error{Trouble: TooLarge, Detail: "the answer would take more than 64 requests"}
		}
		one, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(req.Context(), cancel) //nolint:contextcheck // it ends with either
		defer func() { stop(); cancel() }()
		resp, err := c.entry.forLibrary(req.WithContext(one))
		if err != nil {
			return nil, err
		}
		if err := c.readAhead(one, resp); err != nil {
			return nil, err
		}
		return resp, nil
	})
}

// readAhead reads the body to its end, as every answer is read: a large one in
// its turn, and with its objects counted, which the library is about to build.
func (c *Client) readAhead(ctx context.Context, resp *http.Response) error {
	body, err := c.entry.large.read(ctx, c.entry.target, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return c.entry.failure(networkError(err))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return c.hold.room(ctx, size(body))
}

// forLibrary sends a library's request with the caller's token, whatever the
// library says of itself.
func (e *entry) forLibrary(req *http.Request) (*http.Response, error) {
	req.Header = req.Header.Clone()
	req.Header.Del("Authorization") // client-go keeps one that is there
	resp, err := e.client.Transport.RoundTrip(req)
	if err != nil {
		return nil, e.failure(networkError(err))
	}
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind {
	case jsonType, "text/plain", "":
		return resp, nil
	default:
		if resp.StatusCode >= 400 { // of a proxy; client-go reads the status
			return resp, nil
		}
		_ = resp.Body.Close()
		return nil, &Error{Trouble: Garbled, Status: resp.StatusCode, Detail: "the answer is not JSON"}
	}
}
