package kube

import (
	"bytes"
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
	method   string
	segments []string
	query    url.Values
	accept   string
	body     []byte
}

// do makes the call and returns the body of a 2xx answer. Every error is an
// *Error. A refused credential or a failed handshake takes the entry out of the
// pool, so that the next call starts afresh.
func (e *entry) do(ctx context.Context, c call) ([]byte, error) {
	for _, s := range c.segments {
		if !segment(s) {
			return nil, &Error{Trouble: Invalid, Detail: "a name holds a character that no path may hold"}
		}
	}
	u := *e.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + path.Join(c.segments...)
	u.RawQuery = c.query.Encode()
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, &Error{Trouble: Invalid, Detail: "the request cannot be written"}
	}
	req.Header.Set("Accept", c.accept)
	if c.body != nil {
		req.Header.Set("Content-Type", jsonType)
	}
	status, mediaType, body, err := e.send(req)
	if err != nil {
		failure := networkError(err)
		failure.Detail = e.safeDetail(failure.Detail)
		if failure.Trouble == Untrusted {
			e.dropped()
		}
		return nil, failure
	}
	if status < 200 || status > 299 {
		failure := statusError(status, body)
		failure.Detail = e.safeDetail(failure.Detail)
		if failure.Trouble == Unauthorized {
			e.dropped()
		}
		return nil, failure
	}
	if mediaType != jsonType {
		return nil, &Error{Trouble: Garbled, Status: status, Detail: "the answer is not JSON"}
	}
	return body, nil
}

func (e *entry) send(req *http.Request) (status int, mediaType string, body []byte, err error) {
	resp, err := e.client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	body, err = io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	mediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return resp.StatusCode, mediaType, body, err
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
