package proof

import (
	"bytes"
	"strings"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// slots are the names that Open looks for, in the order of components: the
// fingerprint, the contract, and then the two headers of the proof itself.
type slots []string

func newSlots() slots {
	names := append([]string{kubeheader.Fingerprint}, kubeheader.Names()...)
	return append(names, kubeheader.SignatureInput, kubeheader.Signature)
}

const maxSlots = 16

// received is a request's headers, each in the slot of its name. All are
// present at most once.
type received struct {
	slots   slots
	present [maxSlots]bool
	values  [maxSlots]kubeheader.Secret
}

// Relevant reports whether Open has to see a header line with this name: one
// that, lower-cased and with '_' read as '-', begins with kubernetes or is
// signature, signature-input or x-kubernetes-fingerprint.
func Relevant(name string) bool {
	const shortest = len(kubeheader.Signature)
	if len(name) < shortest {
		return false
	}
	place, _ := classify(name, []string{kubeheader.Fingerprint, kubeheader.SignatureInput, kubeheader.Signature})
	return place != foreignName
}

// sort puts each field into the slot of its name. A name outside the contract,
// a second line of a name and an underscore are refused: nothing that is not
// covered may come along, in any spelling that some reader might take for ours.
func (s slots) sort(fields []kubeheader.Field) (received, *Error) {
	r := received{slots: s}
	var problem *Error
	for _, f := range fields {
		place, exact := classify(f.Name, s)
		switch {
		case place == foreignName:
			continue
		case place == unknownName:
			problem = first(problem, kubeheader.AnyHeader)
		case !exact, r.present[place]:
			problem = first(problem, s[place])
		}
		if place >= 0 && exact {
			r.present[place] = true
			r.values[place] = f.Value
		}
	}
	if !r.present[s.input()] || !r.present[s.signature()] {
		return received{}, &Error{Reason: kubeheader.ReasonProofMissing}
	}
	if problem == nil && !r.present[0] {
		problem = invalid(s[0])
	}
	if problem != nil {
		return received{}, problem
	}
	return r, nil
}

func first(problem *Error, header string) *Error {
	if problem != nil {
		return problem
	}
	return invalid(header)
}

func (s slots) input() int     { return len(s) - 2 }
func (s slots) signature() int { return len(s) - 1 }

func (r *received) input() []byte     { return r.values[r.slots.input()].Reveal() }
func (r *received) signature() []byte { return r.values[r.slots.signature()].Reveal() }

// components are the covered fields: exactly those that were received.
func (r *received) components() []component {
	out := make([]component, 0, maxSlots)
	for i, name := range r.slots[:r.slots.input()] {
		if r.present[i] {
			out = append(out, component{name, r.values[i].Reveal()})
		}
	}
	return out
}

// contract are the received headers of the contract, for Parse.
func (r *received) contract() []kubeheader.Field {
	out := make([]kubeheader.Field, 0, maxSlots)
	for i, name := range r.slots[:r.slots.input()] {
		if i > 0 && r.present[i] {
			out = append(out, kubeheader.Field{Name: name, Value: r.values[i]})
		}
	}
	return out
}

// added names the first received header that the component list on the wire
// does not mention. It serves the error's text only: what it reads was not verified.
func (r *received) added() string {
	list, _, ok := bytes.Cut(r.input(), []byte(")"))
	if !ok || !bytes.HasPrefix(list, []byte(label+"=(")) {
		return ""
	}
	for i, name := range r.slots[:r.slots.input()] {
		if r.present[i] && !bytes.Contains(list, []byte(`"`+name+`"`)) {
			return name
		}
	}
	return ""
}

// printable reports whether a value could not reach into the next line of the
// signature base.
func printable(value []byte) bool {
	return !bytes.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// cutAround returns what stands between prefix and suffix, if both are there.
func cutAround(s, prefix, suffix string) (string, bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, suffix)
}
