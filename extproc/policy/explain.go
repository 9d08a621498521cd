package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Outcome is what one rule makes of a request.
type Outcome string

// The outcomes. A request is rejected if one rule rejects it.
const (
	Allows  Outcome = "allow"
	Reports Outcome = "report" // would reject, and lets through: see the key report
	Rejects Outcome = "reject"
)

// Step is one rule's part in a verdict. It holds no value of a header but the
// host, port and path of kubernetes-server.
type Step struct {
	Header  string // of the contract; "" for the request as a whole
	Asked   string // what of it is judged, such as "host api.example.com"; "" for the header itself
	Outcome Outcome
	Reason  kubeheader.Reason // why it is not allowed; 0 if it is
	Key     string            // the key that decides, such as hosts.exact[2]; "" for the contract, which no policy changes
	Line    int               // where the key stands; 0: nowhere, so its default decides
}

// Explanation is a verdict with its reasons.
type Explanation struct {
	Steps      []Step // in contract order
	Credential string // kind of the credential of an accepted request; "" for a rejected one
	Rejection  *kubeheader.Rejection
}

// Explain says which keys of the policy decide about a request, and on which
// lines they stand. The verdict is that of kubeheader.Parse at this time.
func (p *Policy) Explain(r kubeheader.Request, now time.Time) Explanation {
	checked, err := kubeheader.Parse(r, &p.Header, now)
	e := explainer{policy: p, asked: r.Asks(), reported: checked.Reported()}
	var out Explanation
	if rejection, ok := err.(*kubeheader.Rejection); ok { //nolint:errorlint // Parse returns nothing else
		out.Rejection, e.problems, e.reported = rejection, rejection.Problems, rejection.Reported
	}
	out.Credential = checked.Credential()
	e.request(r)
	for _, name := range kubeheader.Names() {
		e.header(name)
	}
	e.rest("")
	for _, name := range append(kubeheader.Names(), kubeheader.AnyHeader) {
		e.rest(name)
	}
	out.Steps = e.ordered()
	return out
}

// explainer collects the steps.
type explainer struct {
	policy             *Policy
	asked              kubeheader.Asked
	problems, reported []kubeheader.Problem
	steps              []Step
}

// ordered puts the steps into contract order, those of one header as they came.
func (e *explainer) ordered() []Step {
	place := func(s Step) int {
		if s.Header == kubeheader.AnyHeader {
			return len(kubeheader.Names())
		}
		return slices.Index(kubeheader.Names(), s.Header) // -1 for the request
	}
	slices.SortStableFunc(e.steps, func(a, b Step) int { return place(a) - place(b) })
	return e.steps
}

// add notes what the key makes of a part of the header: the first of these
// reasons that Parse found there, or that it is allowed.
func (e *explainer) add(header, asked, key string, reasons ...kubeheader.Reason) {
	s := Step{Header: header, Asked: asked, Outcome: Allows, Key: key, Line: e.policy.Line(key)}
	for _, r := range reasons {
		is := func(p kubeheader.Problem) bool { return p.Reason == r && p.Header == header }
		switch {
		case slices.ContainsFunc(e.problems, is):
			s.Outcome, s.Reason = Rejects, r
		case slices.ContainsFunc(e.reported, is):
			s.Outcome, s.Reason = Reports, r
			reports := e.policy.Header.Report
			s.Key = e.entry("report", func(i int) bool { return reports[i] == r }, len(reports))
			s.Line = e.policy.Line(s.Key)
		}
	}
	e.steps = append(e.steps, s)
}

// found reports whether Parse found this wrong.
func (e *explainer) found(r kubeheader.Reason) bool {
	is := func(p kubeheader.Problem) bool { return p.Reason == r }
	return slices.ContainsFunc(e.problems, is) || slices.ContainsFunc(e.reported, is)
}

// rest adds what Parse found beside the header and no step told of: the faults
// that are the contract's.
func (e *explainer) rest(header string) {
	for _, list := range [][]kubeheader.Problem{e.problems, e.reported} {
		for _, p := range list {
			told := func(s Step) bool { return s.Reason == p.Reason && s.Header == p.Header }
			if p.Header == header && !slices.ContainsFunc(e.steps, told) {
				e.add(header, "", "", p.Reason)
			}
		}
	}
	sent := slices.Contains(e.asked.Sent, header)
	if sent && !slices.ContainsFunc(e.steps, func(s Step) bool { return s.Header == header }) {
		e.add(header, "", "")
	}
}

// request explains what is about no header.
func (e *explainer) request(r kubeheader.Request) {
	if r.Plaintext {
		e.add("", "plain HTTP", "plaintextIngress", kubeheader.ReasonPlaintextIngress)
	}
	if len(e.asked.Sent) == 0 && !e.asked.Unknown {
		header := kubeheader.Server // which is what is missing
		if len(e.problems) == 0 {
			header = ""
		}
		e.add(header, "no kubernetes-* header", "credentials", kubeheader.ReasonServerMissing)
	}
}

// header explains what the policy says of one header of the contract.
func (e *explainer) header(name string) {
	sent := slices.Contains(e.asked.Sent, name)
	switch {
	case name == kubeheader.CertificateAuthority && !sent && len(e.asked.Sent) > 0:
		e.absentAuthority()
	case !sent:
	case name == kubeheader.Server && !e.asked.Server.IsZero():
		e.server()
	case name == kubeheader.Authorization:
		e.add(name, "credential token", e.kindKey(token), kubeheader.ReasonTokenNotAllowed)
	case name == kubeheader.ClientCertificate:
		e.add(name, "credential client-certificate", e.kindKey(clientCertificate), kubeheader.ReasonClientCertificateNotAllowed)
	case name == kubeheader.InsecureSkipTLSVerify && e.asked.Insecure && !e.asked.Server.IsZero():
		key := e.entry("insecureHosts", func(i int) bool { return e.policy.Header.InsecureHosts[i] == e.asked.Server.Host() }, len(e.policy.Header.InsecureHosts))
		e.add(name, "unverified certificate of host "+e.asked.Server.Host(), key, kubeheader.ReasonInsecureNotAllowed)
	case name == kubeheader.TLSServerName:
		e.add(name, "", "tlsServerName", kubeheader.ReasonTLSServerNameNotAllowed)
	}
}

// absentAuthority explains what happens without a CA.
func (e *explainer) absentAuthority() {
	if e.asked.Insecure {
		return // nothing is verified, so nothing is missing
	}
	e.add(kubeheader.CertificateAuthority, "no CA", "publicRootsFile", kubeheader.ReasonCertificateAuthorityMissing)
}

// kindKey is the item of credentialKinds that names the kind, or the key.
func (e *explainer) kindKey(kind string) string {
	return e.entry("credentialKinds", func(i int) bool { return e.policy.kinds[i] == kind }, len(e.policy.kinds))
}

// entry is the key of the first item that is meant, or that of the list.
func (*explainer) entry(list string, is func(i int) bool, n int) string {
	for i := range n {
		if is(i) {
			return fmt.Sprintf("%s[%d]", list, i)
		}
	}
	return list
}

// server explains host, port and path.
func (e *explainer) server() {
	u := e.asked.Server
	asked := "host " + u.Host()
	if a, err := netip.ParseAddr(u.Host()); err == nil {
		asked = fmt.Sprintf("address %s (%s)", a, hostpolicy.Classify(a))
	}
	host, port := e.policy.deciding(u.Host(), u.Port())
	e.add(kubeheader.Server, asked, host, kubeheader.ReasonHostNotAllowed, kubeheader.ReasonAddressNotAllowed)
	if port != "" || e.found(kubeheader.ReasonPortNotAllowed) {
		e.add(kubeheader.Server, fmt.Sprintf("port %d", u.Port()), port, kubeheader.ReasonPortNotAllowed)
	}
	if u.Prefix() != "" {
		prefixes := e.policy.Header.PathPrefixes
		key := e.entry("pathPrefixes", func(i int) bool { return kubeheader.PathBelow(u.Prefix(), prefixes[i]) }, len(prefixes))
		e.add(kubeheader.Server, "path "+u.Prefix(), key, kubeheader.ReasonPathNotAllowed)
	}
}
