package proof

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reporting is a link whose policy allows one host and reports all it can.
func reporting(t *testing.T) *link {
	t.Helper()
	l := newLink(t)
	hosts, err := hostpolicy.New(hostpolicy.Config{
		Hosts: []string{"api.example.com"}, ReportHosts: true, ReportPorts: true,
		Networks: []hostpolicy.Network{{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Ports: []uint16{6443}}},
	})
	require.NoError(t, err)
	l.policy.Hosts = hosts
	l.policy.Report = []kubeheader.Reason{
		kubeheader.ReasonPlaintextIngress, kubeheader.ReasonHostNotAllowed, kubeheader.ReasonPortNotAllowed,
		kubeheader.ReasonPathNotAllowed, kubeheader.ReasonTLSServerNameNotAllowed,
	}
	l.policy.AllowTLSServerName = false
	return l
}

// TestReportedRequestIsServed follows a request that only the report let through
// from the edge to the dial. The backend's second look lets it through for the
// same reason, and its dial policy gives it nothing more.
func TestReportedRequestIsServed(t *testing.T) {
	l := reporting(t)
	l.callers["token"] = with(l.callers["token"], kubeheader.Server, "https://other.example.net:8443/k8s/c-1")
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: l.callers["token"], Plaintext: true}, l.policy, noon)
	require.NoError(t, err)
	require.Len(t, checked.Reported(), 4, "ingress, host, path and server name")

	verified := l.accepted(t, l.sealed(t, "token", noon), noon)
	target, ok := verified.Target()
	require.True(t, ok)
	require.Equal(t, "https://other.example.net:8443/k8s/c-1", target.Server.String())
	for address, want := range map[string]hostpolicy.Refusal{
		"8.8.8.8:8443":         hostpolicy.Allowed,
		"10.1.0.1:8443":        hostpolicy.PortNotAllowed,
		"10.2.0.1:8443":        hostpolicy.AddressNotAllowed,
		"127.0.0.1:8443":       hostpolicy.AddressNotAllowed,
		"169.254.169.254:8443": hostpolicy.AddressNotAllowed,
		"[fd00:ec2::254]:8443": hostpolicy.AddressNotAllowed,
	} {
		control := l.policy.Hosts.DialControl(target.Server.Host())
		network := "tcp4"
		if address[0] == '[' {
			network = "tcp6"
		}
		err := control(t.Context(), network, address, nil)
		if want == hostpolicy.Allowed {
			require.NoError(t, err, address)
			continue
		}
		var refused *hostpolicy.DialError
		require.ErrorAs(t, err, &refused, address)
		require.Equal(t, want, refused.Refusal, address)
	}
}

// A backend that enforces what the edge only reported refuses by its own policy:
// the two may differ while a change makes its way.
func TestBackendEnforcesItsOwnPolicy(t *testing.T) {
	l := reporting(t)
	l.callers["token"] = with(l.callers["token"], kubeheader.Server, "https://other.example.net")
	sent := l.sealed(t, "token", noon)
	l.accepted(t, sent, noon)
	enforcing := *l.policy
	enforcing.Report = nil
	l.policy = &enforcing
	verified, err := l.verifier.Open(sent, noon)
	var rejection *kubeheader.Rejection
	require.ErrorAs(t, err, &rejection)
	require.Equal(t, kubeheader.ReasonHostNotAllowed, rejection.Reason())
	require.Equal(t, "other.example.net", rejection.Host)
	require.False(t, verified.Valid())
}

// TestAnonymousIsSignedAsSuch: a request without headers passes under a policy
// that lets it, with a proof like any other, and stays without a target.
func TestAnonymousIsSignedAsSuch(t *testing.T) {
	l := newLink(t)
	checked := l.check(t, "anonymous", noon)
	require.Empty(t, checked.Canonical())
	sealed, err := l.signer.Seal(checked, noon)
	require.NoError(t, err)
	require.Equal(t, Anonymous, sealed.Fingerprint)
	require.Equal(t, noon.Add(Lifetime), sealed.Expires, "no credential ends it sooner")
	require.Contains(t, sealed.SignatureInput, `kube=("x-kubernetes-fingerprint");created=`)

	sent := l.sealed(t, "anonymous", noon)
	verified := l.accepted(t, sent, noon)
	require.Equal(t, Anonymous, verified.Fingerprint())
	require.Zero(t, verified.Until())
	_, ok := verified.Target()
	require.False(t, ok)
	l.refused(t, without(sent, kubeheader.Signature), noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, without(sent, kubeheader.Fingerprint), noon, kubeheader.ReasonProofInvalid, kubeheader.Fingerprint)
	l.refused(t, with(sent, kubeheader.Namespace, "team-a"), noon, kubeheader.ReasonProofInvalid, kubeheader.Namespace)

	required := *l.policy
	required.CredentialsOptional = false
	l.policy = &required
	_, err = l.verifier.Open(sent, noon)
	var rejection *kubeheader.Rejection
	require.ErrorAs(t, err, &rejection, "a backend that wants a credential says so")
	require.Equal(t, kubeheader.ReasonServerMissing, rejection.Reason())
}
