package kubeheader

import "time"

// Field is one header line: its name as received and its value. The value is a
// Secret whatever the name: before Parse nobody knows what a caller put where.
type Field struct {
	Name  string
	Value Secret
}

// Checked is a set of kubernetes-* headers that passed every rule of the
// contract under one policy at one time. Parse is its only constructor; the
// zero Checked is not valid and every consumer refuses it. It prints as the
// kind of its credential.
type Checked struct {
	_      [0]func()
	valid  bool
	target *Target // nil: anonymous
	fields []Field // canonical, in contract order
	until  time.Time

	reported []Problem
}

// Valid reports whether Parse made this value.
func (c Checked) Valid() bool { return c.valid }

// Target is what the caller asks for; false means that the request carried no
// kubernetes-* header and the policy lets such a request pass as anonymous.
func (c Checked) Target() (Target, bool) {
	if !c.valid || c.target == nil {
		return Target{}, false
	}
	return *c.target, true
}

// Canonical returns the headers to send on, in contract order, one line per
// name, in the canonical form of the contract. It is empty for an anonymous
// request. The slice must not be changed.
func (c Checked) Canonical() []Field { return c.fields }

// Until is when the credential stops being acceptable: the token's exp plus the
// 60 s of grace, or the earliest NotAfter in the client's chain. The zero time
// means never. Parse accepts the credential at this instant and not after it.
func (c Checked) Until() time.Time { return c.until }

// Reported are the problems for which the request would have been rejected if
// the policy did not only report them (Policy.Report), in contract order. The
// slice must not be changed.
func (c Checked) Reported() []Problem { return c.reported }

// Credential is the kind of credential: "token", "client-certificate",
// "anonymous", or "" for a value that is not valid.
func (c Checked) Credential() string {
	switch {
	case !c.valid:
		return ""
	case c.target == nil:
		return "anonymous"
	}
	return c.target.Credential()
}

// Equal reports whether both are valid and send the same headers on, in time
// that depends on lengths alone.
func (c Checked) Equal(other Checked) bool {
	if !c.valid || !other.valid || len(c.fields) != len(other.fields) {
		return false
	}
	equal := true
	for i, f := range c.fields {
		same := f.Value.Equal(other.fields[i].Value)
		equal = equal && same && f.Name == other.fields[i].Name
	}
	return equal
}
