package pods

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// The limits of a pattern. RE2 takes time in proportion to the text and to the
// steps of the pattern: (x{999}){999} would have a million of them.
const (
	maxPattern = 200 // bytes
	maxSteps   = 300
)

// pattern is what lines are searched for; the zero value matches every line.
type pattern struct {
	match func(string) bool
	about string // how it was read, for the answer's first line
}

// any reports whether every line matches.
func (p pattern) any() bool { return p.match == nil }

// readPattern reads an RE2 expression. What is none is looked for as it stands.
func readPattern(text string) (pattern, error) {
	if text == "" {
		return pattern{}, nil
	}
	if len(text) > maxPattern || strings.ContainsFunc(text, kube.Hidden) {
		return pattern{}, answer.Mistake("grep is at most %d bytes of text.", maxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if tooMuch(err) {
		return pattern{}, answer.Mistake("grep is too complicated: use a simpler expression.")
	}
	if err != nil { // it is a text, then
		contains := func(l string) bool { return strings.Contains(l, text) }
		return pattern{contains, fmt.Sprintf("holding the text %q, which is no regular expression", answer.Redact(text))}, nil //nolint:nilerr // see above
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxSteps {
		return pattern{}, answer.Mistake("grep is too complicated: use a simpler expression.")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return pattern{}, answer.Mistake("grep is too complicated: use a simpler expression.")
	}
	return pattern{re.MatchString, fmt.Sprintf("matching %q", answer.Redact(text))}, nil
}

// tooMuch reports whether a text is an expression, and one that is too large.
func tooMuch(err error) bool {
	e, ok := errors.AsType[*syntax.Error](err)
	return ok && (e.Code == syntax.ErrInvalidRepeatSize || e.Code == syntax.ErrLarge || e.Code == syntax.ErrNestingDepth)
}

// keep are the lines that match, in order.
func (p pattern) keep(ctx context.Context, lines []string) []string {
	if p.any() {
		return lines
	}
	var out []string
	for _, l := range lines {
		if ctx.Err() != nil {
			break
		}
		if p.match(l) {
			out = append(out, l)
		}
	}
	return out
}
