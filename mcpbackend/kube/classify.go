package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// statusError reads an answer that is no success. The API server's reasons are
// in a metav1.Status; a proxy in front of it may answer with anything.
func statusError(status int, body []byte) *Error {
	var s struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
		Reason  string `json:"reason"`
		Details struct {
			Name   string        `json:"name"`
			Causes capped[cause] `json:"causes"`
		} `json:"details"`
	}
	if json.Unmarshal(body, &s) != nil || s.Kind != "Status" {
		s.Message, s.Reason, s.Details.Name, s.Details.Causes.items = "", "", "", nil
	}
	e := &Error{Trouble: Failed, Status: status, Detail: s.Message}
	switch status {
	case http.StatusUnauthorized:
		e.Trouble = Unauthorized
	case http.StatusForbidden:
		e.Trouble = Forbidden
	case http.StatusNotFound:
		e.Trouble = NoSuchAPI
		if s.Details.Name != "" { // a missing object is named, a missing API is not
			e.Trouble = NotFound
		}
	case http.StatusMethodNotAllowed:
		e.Trouble = Unsupported
	case http.StatusGone:
		e.Trouble = Gone
	case http.StatusConflict:
		e.Trouble = Conflict
		if s.Reason == "AlreadyExists" {
			e.Trouble = Exists
		}
		e.Detail = owners(s.Details.Causes.items, s.Message)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		e.Trouble = Invalid
	}
	return e
}

// cause is a metav1.StatusCause.
type cause struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Field   string `json:"field"`
}

// owners says which fields belong to whom, the fields first: the API server's
// own message repeats much and would be cut before them.
func owners(causes []cause, message string) string {
	var fields []string
	for _, c := range causes {
		if c.Reason == "FieldManagerConflict" {
			fields = append(fields, c.Field+" ("+c.Message+")")
		}
	}
	if len(fields) == 0 {
		return message
	}
	return strings.Join(fields, ", ")
}

// networkError says what kept an answer from coming.
func networkError(err error) *Error {
	e := &Error{Trouble: Unreached, cause: err}
	var dns *net.DNSError
	var refused *hostpolicy.DialError
	var timeout net.Error
	var own *Error
	var verb *verbError
	var denied *access.Denied
	switch {
	case errors.As(err, &own):
		return &Error{Trouble: own.Trouble, Status: own.Status, Detail: own.Detail, cause: own.cause}
	case errors.As(err, &verb):
		e.Trouble, e.Detail = ReadOnly, verb.what
	case errors.As(err, &denied):
		e.Trouble, e.Detail = Denied, denied.Error()
	case errors.Is(err, errBusy):
		e.Trouble, e.Detail = Busy, errBusy.Error()
	case errors.Is(err, errCrowded):
		e.Trouble, e.Detail = Busy, errCrowded.Error()
	case errors.Is(err, errRedirect):
		e.Trouble = Redirected
	case errors.Is(err, errNoAnswer):
		e.Trouble = Garbled
	case errors.Is(err, errBodyLimit), headersTooLarge(err):
		e.Trouble = TooLarge
	case errors.Is(err, context.Canceled):
		e.Trouble = Canceled
	case errors.As(err, &refused):
		e.Trouble, e.Detail = Refused, refused.Error()
	case errors.As(err, &dns) && !dns.IsTimeout:
		e.Trouble = Unresolved
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Trouble = Deadline
	case fromTLS(err):
		e.Trouble, e.Detail = Untrusted, innermost(err)
	case strings.Contains(err.Error(), "connection error: "), strings.Contains(err.Error(), "stream error: "):
		e.Trouble = Garbled // of HTTP/2, whose error types net/http does not export
	case errors.Is(err, errOtherHost), errors.Is(err, errNoDeadline):
		e.Trouble, e.Detail = Invalid, innermost(err)
	}
	return e
}

// fromTLS reports whether the handshake or the record layer failed.
func fromTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	var op *net.OpError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknown) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// headersTooLarge knows two errors by their text, since net/http exports
// neither: one of HTTP/1 and one of HTTP/2.
func headersTooLarge(err error) bool {
	s := err.Error()
	return strings.Contains(s, "server response headers exceeded") || strings.Contains(s, "response header list larger than advertised limit")
}

// innermost drops what net/http and net put before a message: method, URL and
// addresses say nothing that the caller does not know, or nothing that he should.
func innermost(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return err.Error()
}
