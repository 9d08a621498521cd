package kubeheader

import (
	"encoding/json"
	"slices"
	"strings"
)

// MaxProblems bounds how many problems one rejection reports.
const MaxProblems = 16

// Problem is one thing that is wrong with a request. Its text is made from the
// reason and the contract's own header name only, never from what was sent.
type Problem struct {
	Reason  Reason
	Header  string // a contract name, or AnyHeader for one that is not in it; "" for none
	Message string // one sentence: header, what is wrong, what to do
}

// Problem makes the problem of this reason beside one of its Headers. Any other
// header, such as a name that a caller sent, is replaced by the default one: no
// byte of a request can reach the message.
func (r Reason) Problem(header string) Problem {
	e := r.entry()
	if i := slices.Index(e.headers, header); i >= 0 {
		header = e.headers[i]
	} else {
		header = r.Header()
	}
	return Problem{Reason: r, Header: header, Message: e.sentence(header)}
}

// again makes the problem anew from its reason: whatever stood in the fields of
// one that was built by hand does not get out.
func (p Problem) again() Problem { return p.Reason.Problem(p.Header) }

// sentence is what a person reads.
func (e entry) sentence(header string) string {
	subject := header
	switch header {
	case "":
		subject = "This request"
	case AnyHeader:
		subject = "A " + AnyHeader + " header"
	}
	return subject + " " + e.wrong + "; " + strings.ReplaceAll(e.fix, "{hint}", hint(header)) + "."
}

// Rejection is the error that Parse returns: every problem found, in contract
// order, at most MaxProblems. It always holds at least one.
type Rejection struct { //nolint:errname // one word of the product, in Go, docs and metrics alike
	Problems []Problem
	// Host is the canonical host of a well-formed kubernetes-server, allowed or
	// not; "" where there was none. It is for the operator's eyes: no answer to
	// the caller holds it.
	Host string
	// Reported are the problems that the policy only reports and that did not
	// reject the request, in contract order. They, too, are the operator's.
	Reported []Problem
}

// NewRejection makes the rejection of these problems, of which it keeps the
// first MaxProblems. Without any it says ReasonGuardUnavailable: whoever
// rejects and cannot say why has failed itself.
func NewRejection(problems ...Problem) *Rejection {
	if len(problems) == 0 {
		problems = []Problem{ReasonGuardUnavailable.Problem("")}
	}
	return &Rejection{Problems: slices.Clone(problems[:min(len(problems), MaxProblems)])}
}

// Error is the first problem's message.
func (r *Rejection) Error() string { return r.Problems[0].again().Message }

// Reason is the first problem's: metrics and logs count a rejection by it.
func (r *Rejection) Reason() Reason { return r.Problems[0].Reason }

// Data is the data member of the JSON-RPC error:
//
//	{"reason":…,"header":…,"problems":[{"reason":…,"header":…,"message":…}],"decision":…}
//
// header is "" for a problem of the request as a whole. decision is the id under
// which logs know this answer; it is the only part that is not a constant of
// this package, and the caller answers for its form.
func (r *Rejection) Data(decision string) json.RawMessage {
	// Codes, headers and messages need no escaping (a test says so).
	b := make([]byte, 0, 128+256*len(r.Problems))
	b = append(b, `{"reason":"`...)
	b = append(b, r.Problems[0].Reason.String()...)
	b = append(b, `","header":"`...)
	b = append(b, r.Problems[0].again().Header...)
	b = append(b, `","problems":[`...)
	for i, p := range r.Problems {
		p = p.again()
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"reason":"`...)
		b = append(b, p.Reason.String()...)
		b = append(b, `","header":"`...)
		b = append(b, p.Header...)
		b = append(b, `","message":"`...)
		b = append(b, p.Message...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"decision":`...)
	quoted, err := json.Marshal(decision) // strings always marshal
	if err != nil {
		quoted = []byte(`""`)
	}
	return append(append(b, quoted...), '}')
}
