package kube

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// call is one request to an API server. Its segments are constants of this room
// and names that pass segment: a caller's text never becomes a path otherwise.
type call struct {
	method      string
	segments    []string
	slash       bool // the path ends in a slash
	query       url.Values
	accept      string
	body        []byte
	contentType string // of the body; "" means JSON
	text        int    // > 0: the answer may be of any type, and is cut after so many bytes
}

// reply is a 2xx answer.
type reply struct {
	status int
	body   []byte
	cut    bool // there was more than call.text
	html   bool // a page for people, where text was asked for
}

// do makes the call and returns the body of a 2xx answer in JSON.
func (e *entry) do(ctx context.Context, c call) ([]byte, error) {
	r, err := e.ask(ctx, c)
	return r.body, err
}

// ask makes the call. Every error is an *Error.
func (e *entry) ask(ctx context.Context, c call) (reply, error) {
	req, err := e.request(ctx, c)
	if err != nil {
		return reply{}, err
	}
	r, mediaType, err := e.send(req, c.text)
	if err != nil {
		return reply{}, e.failure(networkError(err))
	}
	if r.status < 200 || r.status > 299 {
		return reply{}, e.failure(statusError(r.status, r.body))
	}
	if c.text == 0 && mediaType != jsonType {
		return reply{}, &Error{Trouble: Garbled, Status: r.status, Detail: "the answer is not JSON"}
	}
	return r, nil
}

// request writes the call down.
func (e *entry) request(ctx context.Context, c call) (*http.Request, error) {
	for _, s := range c.segments {
		if !segment(s) {
			return nil, &Error{Trouble: Invalid, Detail: "a name holds a character that no path may hold"}
		}
	}
	u := *e.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + path.Join(c.segments...)
	if c.slash {
		u.Path += "/"
	}
	u.RawQuery = c.query.Encode()
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, &Error{Trouble: Invalid, Detail: "the request cannot be written"}
	}
	req.Header.Set("Accept", c.accept)
	if c.body != nil {
		req.Header.Set("Content-Type", cmp.Or(c.contentType, jsonType))
	}
	return req, nil
}

// send reads the answer, or its first bytes where text says how many.
func (e *entry) send(req *http.Request, text int) (r reply, mediaType string, err error) {
	resp, err := e.client.Do(req)
	if err != nil {
		return reply{}, "", err
	}
	r.status = resp.StatusCode
	body := resp.Body
	cut := text > 0 && r.status == http.StatusOK // what a server says of a failure is read to its end
	if cut {
		body = beginning{io.LimitReader(body, int64(text)+1), body}
	}
	r.body, err = e.large.read(req.Context(), e.target, body)
	err = errors.Join(err, resp.Body.Close())
	if cut && len(r.body) > text {
		r.body, r.cut = r.body[:text], true
	}
	mediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	r.html = mediaType == "text/html"
	return r, mediaType, err
}

// beginning is the first part of a body.
type beginning struct {
	io.Reader
	io.Closer
}

// failure is the error with a Detail that may be shown.
func (e *entry) failure(f *Error) *Error {
	f.Detail = e.safeDetail(f.Detail)
	return f
}

// safeDetail bounds text of a server and takes the caller's token out of it:
// after cleaning, which would join a token that a server took apart with
// characters nobody sees, and before it can be cut through the middle.
func (e *entry) safeDetail(s string) string {
	s = scrub(e.auth, Clean(s))
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

// segment reports whether s can stand between two slashes of a path and mean
// only itself. Names of RBAC objects hold colons, others capitals, underscores
// and @; none needs an escape.
func segment(s string) bool {
	if s == "" || len(s) > maxNameLength || strings.Trim(s, ".") == "" {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-' || c == '.' || c == '_' || c == ':' || c == '@':
		default:
			return false
		}
	}
	return true
}
