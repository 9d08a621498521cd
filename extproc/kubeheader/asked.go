package kubeheader

// Asked is what a request asks of a policy, as far as it can be read, whether or
// not any policy would allow it. It holds no credential.
type Asked struct {
	// Server is the URL of kubernetes-server; zero if there is not exactly one,
	// well-formed.
	Server ServerURL
	// Insecure says that kubernetes-insecure-skip-tls-verify is true.
	Insecure bool
	// Sent are the headers of the contract that came, each once, in contract order.
	Sent []string
	// Unknown says that a header came whose name is not in the contract.
	Unknown bool
}

// Asks reads what explains a verdict. It decides nothing: that is for Parse.
func (r Request) Asks() Asked {
	x := parser{policy: &Policy{}}
	x.collect(r.Fields)
	var a Asked
	for at, name := range names() {
		if x.sent(at) {
			a.Sent = append(a.Sent, name)
		}
	}
	for _, f := range x.problems {
		a.Unknown = a.Unknown || f.reason == ReasonUnknownHeader
	}
	if value, ok := x.value(atServer); ok {
		if u, wrong := parseServer(string(value)); len(wrong) == 0 {
			a.Server = u
		}
	}
	if value, ok := x.value(atInsecure); ok {
		a.Insecure = isFold(value, "true")
	}
	return a
}
