package kubeheader

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// TestReportable pins the list: the reasons of the policy's own without those
// that a report would quietly give away.
func TestReportable(t *testing.T) {
	var got []string
	for _, r := range Reasons() {
		if r.Reportable() {
			got = append(got, r.String())
		}
	}
	require.Equal(t, []string{
		"plaintext-ingress", "host-not-allowed", "port-not-allowed", "path-not-allowed",
		"token-not-allowed", "client-certificate-not-allowed", "tls-server-name-not-allowed",
	}, got)
	for _, never := range []Reason{0, reasonEnd, ReasonAddressNotAllowed, ReasonInsecureNotAllowed, ReasonCertificateAuthorityMissing} {
		require.False(t, never.Reportable(), "%s", never)
	}
}

// reporting is a policy that forbids all that it can and reports these.
func reporting(t *testing.T, report ...Reason) *Policy {
	t.Helper()
	c := hostpolicy.Config{Hosts: []string{"api.example.com", "10.0.0.9"}, Networks: nil}
	for _, r := range report {
		c.ReportHosts = c.ReportHosts || r == ReasonHostNotAllowed
		c.ReportPorts = c.ReportPorts || r == ReasonPortNotAllowed
	}
	hosts, err := hostpolicy.New(c)
	require.NoError(t, err)
	return &Policy{Hosts: hosts, Report: report}
}

func reasonsOf(problems []Problem) []string {
	out := make([]string, 0, len(problems))
	for _, p := range problems {
		out = append(out, p.Reason.String())
	}
	return out
}

func TestReportLetsThrough(t *testing.T) {
	i := issuer{t: t}
	ca, client := i.issue(nil, authority), i.issue(nil)
	trust := CertificateAuthority + ": " + b64(ca.pem)
	token, pair := Authorization+": Bearer alice-token", []string{
		ClientCertificate + ": " + b64(client.pem), ClientKey + ": " + b64(pkcs8PEM(t, client.key)),
	}
	for _, c := range []struct {
		reason    Reason
		header    string
		plaintext bool
		sent      []string
		needs     []Reason // what is against the request besides
	}{
		{ReasonPlaintextIngress, "", true, []string{Server + ": https://api.example.com", trust, token}, []Reason{ReasonTokenNotAllowed}},
		{ReasonHostNotAllowed, Server, false, []string{Server + ": https://other.example.net", trust, token}, []Reason{ReasonTokenNotAllowed}},
		{ReasonPortNotAllowed, Server, false, []string{Server + ": https://api.example.com:8443", trust, token}, []Reason{ReasonTokenNotAllowed}},
		{ReasonPathNotAllowed, Server, false, []string{Server + ": https://api.example.com/k8s/c-1", trust, token}, []Reason{ReasonTokenNotAllowed}},
		{ReasonTokenNotAllowed, Authorization, false, []string{Server + ": https://api.example.com", trust, token}, nil},
		{ReasonClientCertificateNotAllowed, ClientCertificate, false, append([]string{Server + ": https://api.example.com", trust}, pair...), nil},
		{ReasonTLSServerNameNotAllowed, TLSServerName, false, []string{Server + ": https://api.example.com", trust, token, TLSServerName + ": kubernetes"}, []Reason{ReasonTokenNotAllowed}},
	} {
		t.Run(c.reason.String(), func(t *testing.T) {
			request := Request{Fields: lines(c.sent...), Plaintext: c.plaintext}
			_, err := Parse(request, reporting(t, c.needs...), noon)
			var rejection *Rejection
			require.ErrorAs(t, err, &rejection, "what is not reported is enforced")
			require.Equal(t, []string{c.reason.String()}, reasonsOf(rejection.Problems))

			checked, err := Parse(request, reporting(t, append(c.needs, c.reason)...), noon)
			require.NoError(t, err)
			require.True(t, checked.Valid())
			found := false
			for _, p := range checked.Reported() {
				require.Contains(t, append(c.needs, c.reason), p.Reason)
				if p.Reason == c.reason {
					found = true
					require.Equal(t, c.reason.Problem(c.header), p)
				}
			}
			require.True(t, found)
			require.Len(t, checked.Reported(), 1+len(c.needs), "in contract order, each once: %v", reasonsOf(checked.Reported()))

			// What is sent on passes the second look under the same policy.
			again, err := Parse(Request{Fields: checked.Canonical()}, reporting(t, append(c.needs, c.reason)...), noon)
			require.NoError(t, err)
			require.True(t, again.Equal(checked))
		})
	}
}

// TestReportNeverHelps: reasons that may not be reported are enforced even if a
// Policy made by hand names them, and so is what only looks like a reported one.
func TestReportNeverHelps(t *testing.T) {
	trust := CertificateAuthority + ": " + b64((&issuer{t: t}).issue(nil, authority).pem)
	token := Authorization + ": Bearer alice-token"
	for _, c := range []struct {
		sent []string
		want Reason
	}{
		{[]string{Server + ": https://192.168.0.1", trust, token}, ReasonAddressNotAllowed},
		{[]string{Server + ": https://127.0.0.1", trust, token}, ReasonAddressNotAllowed},
		{[]string{Server + ": https://169.254.169.254", trust, token}, ReasonAddressNotAllowed},
		{[]string{Server + ": https://[::ffff:127.0.0.1]", trust, token}, ReasonAddressNotAllowed},
		{[]string{Server + ": https://10.0.0.9:8443", trust, token}, ReasonPortNotAllowed},
		{[]string{Server + ": https://localhost", trust, token}, ReasonHostNotAllowed},
		{[]string{Server + ": https://kubernetes.default.svc", trust, token}, ReasonHostNotAllowed},
		{[]string{Server + ": https://metadata.google.internal", trust, token}, ReasonHostNotAllowed},
		{[]string{Server + ": https://other.example.net", token, InsecureSkipTLSVerify + ": true"}, ReasonInsecureNotAllowed},
		{[]string{Server + ": https://other.example.net", token}, ReasonCertificateAuthorityMissing},
		{[]string{Server + ": https://other.example.net", trust}, ReasonCredentialMissing},
	} {
		checked, err := Parse(Request{Fields: lines(c.sent...)}, reporting(t, Reasons()...), noon)
		var rejection *Rejection
		require.ErrorAs(t, err, &rejection, "%s", c.want)
		require.Equal(t, []string{c.want.String()}, reasonsOf(rejection.Problems), "what is reported is no problem of a rejection")
		require.False(t, checked.Valid())
		require.Empty(t, checked.Reported())
		require.NotEmpty(t, rejection.Reported, "the token, at least, or the host")
		require.NotContains(t, string(rejection.Data("id")), rejection.Reported[0].Reason.String(), "nor is it told to the caller")
	}
}

// The two lists that speak of hosts must agree before one is let through.
func TestReportOfHostsNeedsBothLists(t *testing.T) {
	request := Request{Fields: lines(Server+": https://other.example.net", Authorization+": t",
		CertificateAuthority+": "+b64((&issuer{t: t}).issue(nil, authority).pem))}
	p := reporting(t, ReasonHostNotAllowed, ReasonTokenNotAllowed)
	_, err := Parse(request, p, noon)
	require.NoError(t, err)
	header := *p
	header.Report = []Reason{ReasonTokenNotAllowed}
	_, err = Parse(request, &header, noon)
	require.Error(t, err, "the headers' list does not have it")
	p.Hosts = reporting(t).Hosts
	_, err = Parse(request, p, noon)
	require.Error(t, err, "the hosts' list does not have it")
}

// With hosts reported and ports not, it is the port that stops the request.
func TestReportNamesWhatStopsTheRequest(t *testing.T) {
	_, err := Parse(Request{Fields: lines(Server+": https://other.example.net:22", Authorization+": t",
		CertificateAuthority+": "+b64((&issuer{t: t}).issue(nil, authority).pem))},
		reporting(t, ReasonHostNotAllowed, ReasonTokenNotAllowed), noon)
	var rejection *Rejection
	require.ErrorAs(t, err, &rejection)
	require.Equal(t, []string{"port-not-allowed"}, reasonsOf(rejection.Problems))
	require.Equal(t, []string{"host-not-allowed", "token-not-allowed"}, reasonsOf(rejection.Reported))
}

func TestReportOfAnonymous(t *testing.T) {
	p := reporting(t, ReasonPlaintextIngress)
	p.CredentialsOptional = true
	checked, err := Parse(Request{Plaintext: true}, p, noon)
	require.NoError(t, err)
	require.Equal(t, "anonymous", checked.Credential())
	require.Equal(t, []string{"plaintext-ingress"}, reasonsOf(checked.Reported()))
	p.Report = nil
	_, err = Parse(Request{Plaintext: true}, p, noon)
	require.Error(t, err)
}

func TestRejectionHost(t *testing.T) {
	for server, want := range map[string]string{
		"https://API.Example.COM.:6443":        "api.example.com",
		"https://other.example.net":            "other.example.net",
		"https://[2001:DB8::1]":                "2001:db8::1",
		"https://[::ffff:10.0.0.1]":            "10.0.0.1",
		"https://other.example.net/not?well":   "",
		"http://api.example.com":               "",
		"https://alice@api.example.com":        "",
		"https://${HOST}":                      "",
		"https://a.example.com, https://b.com": "",
		"":                                     "",
	} {
		_, err := Parse(Request{Fields: lines(Server + ": " + server)}, usualPolicy(t), noon)
		rejection, ok := errors.AsType[*Rejection](err)
		require.True(t, ok)
		require.Equal(t, want, rejection.Host, server)
		require.NotContains(t, string(rejection.Data("id")), "other.example.net", "an answer repeats nothing that was sent")
	}
	_, err := Parse(Request{Fields: append(lines(Server+": https://a.example.com"), lines(Server+": https://b.example.com")...)}, usualPolicy(t), noon)
	rejection, ok := errors.AsType[*Rejection](err)
	require.True(t, ok)
	require.Empty(t, rejection.Host, "two servers are none")
	_, err = Parse(Request{}, nil, time.Time{})
	rejection, ok = errors.AsType[*Rejection](err)
	require.True(t, ok)
	require.Empty(t, rejection.Host)
}
