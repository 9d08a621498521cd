// Package kubeheader is the contract: which kubernetes-* headers a request may
// carry, what each may hold, and the canonical form that is sent on.
//
// Parse is the only way to a Checked value, and everything that acts on a
// request starts from one. What Parse refuses it explains: a Rejection lists
// every problem, each with a stable Reason and a sentence that says what to do
// and repeats nothing that the caller sent. docs/contract.md and docs/reasons.md
// are generated from this package.
package kubeheader

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Request is what Parse looks at.
type Request struct {
	// Fields are all header lines whose name begins with Prefix (see Claims), in
	// arrival order, duplicates included. Others are ignored.
	Fields []Field
	// Plaintext says that the request reached the ingress over plain HTTP.
	Plaintext bool
}

// Parse checks a request against the contract and the policy. The error is
// always a *Rejection and comes with the zero Checked. A nil policy allows
// nothing. The result does not alias the request.
//
// Every header's problems are found and reported, except those that only follow
// from another one. Work is bounded whatever is sent: sizes are checked before
// decoding, counts before parsing, and the size of a key before arithmetic on
// it. The dearest valid request, RSA-4096, costs half a millisecond.
func Parse(r Request, p *Policy, now time.Time) (Checked, error) {
	if p == nil {
		p = &Policy{}
	}
	x := parser{policy: p, now: now}
	if r.Plaintext && !p.AllowPlaintext {
		x.add(ReasonPlaintextIngress, atRequest)
	}
	if received := x.collect(r.Fields); !received && p.CredentialsOptional {
		if len(x.problems) > 0 {
			return Checked{}, x.rejection()
		}
		return Checked{valid: true, reported: x.problemsOf(x.reported)}, nil
	}
	target := Target{
		Server:    x.server(),
		Auth:      x.auth(),
		TLSName:   x.tlsServerName(),
		Namespace: x.namespace(),
		Toolsets:  x.toolsets(),
	}
	target.Trust = x.trust(target.Server)
	if len(x.problems) > 0 {
		return Checked{}, x.rejection()
	}
	return Checked{valid: true, target: &target, fields: canonical(target), until: x.until, reported: x.problemsOf(x.reported)}, nil
}

// Positions of problems that no header of the contract has.
const (
	atRequest = -1
	atUnknown = headerCount
)

// parser is one run of Parse.
type parser struct {
	policy   *Policy
	now      time.Time
	lines    [headerCount]line
	problems []found
	reported []found   // what the policy only reports
	host     string    // of a well-formed server URL
	until    time.Time // when the credential ends
}

// line is what arrived under one name of the contract.
type line struct {
	count int
	value []byte // trimmed; only meaningful when usable
	// usable says that exactly one value arrived and that it has none of the
	// faults that every header can have.
	usable bool
}

// found is a problem and where it belongs.
type found struct {
	reason Reason
	at     int
}

// add notes a problem, which stops nobody where the policy only reports it.
func (x *parser) add(r Reason, at int) {
	list := &x.problems
	if x.policy.reports(r) {
		list = &x.reported
	}
	x.note(list, r, at)
}

func (*parser) note(list *[]found, r Reason, at int) {
	if f := (found{r, at}); !slices.Contains(*list, f) {
		*list = append(*list, f)
	}
}

func (x *parser) rejection() *Rejection {
	return &Rejection{Problems: x.problemsOf(x.problems), Host: x.host, Reported: x.problemsOf(x.reported)}
}

// problemsOf puts what was found into contract order.
func (x *parser) problemsOf(list []found) []Problem {
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.reason, b.reason))
	})
	problems := make([]Problem, 0, MaxProblems)
	for _, f := range list[:min(len(list), MaxProblems)] {
		header := ""
		if f.at >= 0 && f.at < headerCount {
			header = names()[f.at]
		}
		problems = append(problems, f.reason.Problem(header))
	}
	return problems
}

// collect sorts the lines by name and reports whether any belongs to us.
func (x *parser) collect(fields []Field) (received bool) {
	for _, f := range fields {
		if !Claims(f.Name) {
			continue
		}
		received = true
		at, underscored, ok := position(f.Name)
		if !ok {
			x.add(ReasonUnknownHeader, atUnknown)
			continue
		}
		if underscored {
			x.add(ReasonUnderscoreName, at)
		}
		if x.lines[at].count++; x.lines[at].count > 1 {
			x.add(ReasonDuplicateHeader, at)
			continue
		}
		x.lines[at].value = bytes.Trim(f.Value.Reveal(), " \t")
	}
	for at := range x.lines {
		if l := &x.lines[at]; l.count == 1 {
			fault := genericFault(l.value, at != atToolsets)
			if l.usable = fault == 0; fault != 0 {
				x.add(fault, at)
			}
		}
	}
	return received
}

// sent reports whether anything arrived under this name.
func (x *parser) sent(at int) bool { return x.lines[at].count > 0 }

// value returns what arrived, if it can be read at all.
func (x *parser) value(at int) ([]byte, bool) { return x.lines[at].value, x.lines[at].usable }

// genericFault finds what no value may have, the first of: nothing, a byte
// outside printable ASCII, a placeholder, a comma. No legal value of any header
// holds a '$' or a '{', and none but toolsets a comma, so nothing legal is lost.
func genericFault(value []byte, commas bool) Reason {
	if len(value) == 0 {
		return ReasonEmptyValue
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return ReasonInvalidBytes
		}
	}
	switch {
	case bytes.ContainsAny(value, "${") && hasPlaceholder(value):
		return ReasonPlaceholder
	case commas && bytes.IndexByte(value, ',') >= 0:
		return ReasonCommaJoined
	}
	return 0
}

// hasPlaceholder finds ${VAR}, $VAR, $(VAR), {env:VAR} and {input:id}: what the
// configuration files of MCP clients hold before expansion.
func hasPlaceholder(value []byte) bool {
	for i, c := range value {
		rest := value[i+1:]
		switch {
		case c == '$' && len(rest) > 0 && (rest[0] == '{' || rest[0] == '(' || rest[0] == '_' || isLetter(rest[0])):
			return true
		case c == '{' && hasKind(rest):
			return true
		}
	}
	return false
}

// hasKind reports whether text begins with a word and a colon, as in {env:VAR}.
// No client has a longer word than input; 16 letters bound the search.
func hasKind(text []byte) bool {
	n := 0
	for n < min(len(text), 16) && isLetter(text[n]) {
		n++
	}
	return n > 0 && n < len(text) && text[n] == ':'
}

func isLetter(c byte) bool { return 'a' <= fold(c) && fold(c) <= 'z' }
