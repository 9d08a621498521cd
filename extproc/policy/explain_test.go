package policy

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

func request(plaintext bool, lines ...string) kubeheader.Request {
	r := kubeheader.Request{Plaintext: plaintext}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		r.Fields = append(r.Fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(value))})
	}
	return r
}

// explained is a policy in which every kind of entry has a line of its own.
const explained = `hosts:
  exact:
    - api.example.com
    - 10.0.0.9
    - 10.1.0.9
  suffixes:
    - .example.org
    - .clusters.example.org
networks:
  - cidr: 10.1.0.0/16
    ports: [6443]
  - cidr: 10.2.0.0/16
    ports:
      - 7443
ports:
  - 8443
  - 9443
pathPrefixes: [/k8s]
`

func TestExplainHostAndPort(t *testing.T) {
	p := mustParse(t, explained)
	for _, c := range []struct {
		server, host, port   string
		hostLine, portLine   int
		hostReason, portless kubeheader.Reason
	}{
		{"https://api.example.com", "hosts.exact[0]", usualPorts, 5, 0, 0, 0},
		{"https://api.example.com:9443", "hosts.exact[0]", "ports[1]", 5, 19, 0, 0},
		{"https://api.example.com:7443", "hosts.exact[0]", "networks[1].ports", 5, 15, 0, 0},
		{"https://api.example.com:22", "hosts.exact[0]", "ports", 5, 17, 0, kubeheader.ReasonPortNotAllowed},
		{"https://a.clusters.example.org:6443", "hosts.suffixes[0]", usualPorts, 9, 0, 0, 0},
		{"https://10.0.0.9:8443", "hosts.exact[1]", "ports[0]", 6, 18, 0, 0},
		{"https://10.1.0.9:6443", "hosts.exact[2]", usualPorts, 7, 0, 0, 0},
		{"https://10.1.0.1:6443", "networks[0]", "networks[0].ports", 12, 13, 0, 0},
		{"https://10.2.0.1:443", "networks[1]", "networks[1].ports", 14, 15, 0, kubeheader.ReasonPortNotAllowed},
		{"https://10.3.0.1:443", "networks", "", 11, 0, kubeheader.ReasonAddressNotAllowed, 0},
		{"https://127.0.0.1", "networks", "", 11, 0, kubeheader.ReasonAddressNotAllowed, 0},
		{"https://other.example.net", "hosts", usualPorts, 3, 0, kubeheader.ReasonHostNotAllowed, 0},
		{"https://other.example.net:8443", "hosts", "ports[0]", 3, 18, kubeheader.ReasonHostNotAllowed, 0},
		{"https://other.example.net:22", "hosts", "", 3, 0, kubeheader.ReasonHostNotAllowed, 0},
		{"https://8.8.8.8", "hosts", usualPorts, 3, 0, kubeheader.ReasonHostNotAllowed, 0},
	} {
		var steps []Step
		for _, s := range p.Explain(request(false, "kubernetes-server: "+c.server), time.Now()).Steps {
			if s.Header == kubeheader.Server {
				steps = append(steps, s)
			}
		}
		require.Equal(t, c.host, steps[0].Key, c.server)
		require.Equal(t, c.hostLine, steps[0].Line, "%s: %s", c.server, steps[0].Key)
		require.Equal(t, c.hostReason, steps[0].Reason, c.server)
		if c.port == "" {
			require.Len(t, steps, 1, c.server)
			continue
		}
		require.Len(t, steps, 2, c.server)
		require.Equal(t, c.port, steps[1].Key, c.server)
		require.Equal(t, c.portLine, steps[1].Line, "%s: %s", c.server, steps[1].Key)
		require.Equal(t, c.portless, steps[1].Reason, c.server)
	}
}

// TestExplainAgreesWithParse: whatever is asked under whatever policy, the
// verdict is Parse's, every problem that Parse found is a step that rejects, every
// reported one a step that reports, no other step does, and what an entry is said
// to allow is allowed.
func TestExplainAgreesWithParse(t *testing.T) {
	_, ca := root(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
		file := head + explained + pick("report", "", "report: [host-not-allowed]\n", "report: [port-not-allowed, path-not-allowed, token-not-allowed]\n",
			"report: ["+strings.Join(reportable(), ", ")+"]\n") +
			pick("credentials", "", "credentials: optional\n") + pick("kinds", "", "credentialKinds: [token]\n", "credentialKinds: [client-certificate]\n") +
			pick("name", "", "tlsServerName: forbid\n") + pick("insecure", "", "insecureHosts: [api.example.com]\n") + pick("ingress", "", "plaintextIngress: allow\n")
		p, err := Parse([]byte(file))
		require.NoError(t, err)
		var sent []string
		add := func(lines ...string) {
			if l := rapid.SampledFrom(append(lines, "")).Draw(t, "line"); l != "" {
				sent = append(sent, l)
			}
		}
		server := func() string {
			return "kubernetes-server: " + pick("scheme", "https", "https", "https", "http") + "://" +
				pick("host", "api.example.com", "a.example.org", "other.example.net", "localhost", "10.0.0.9", "10.1.0.1", "10.2.3.4", "127.0.0.1", "8.8.8.8", "[::1]", "a_b") +
				pick("port", "", ":443", ":6443", ":7443", ":8443", ":22", ":0") + pick("path", "", "/", "/k8s", "/k8s/c-1", "/other", "/..")
		}
		add(server())
		add("kubernetes-certificate-authority-data: "+base64.StdEncoding.EncodeToString(ca), "kubernetes-certificate-authority-data: %")
		add("kubernetes-authorization: Bearer alice-token", "kubernetes-authorization: Bearer", "kubernetes_authorization: t")
		add("kubernetes-client-certificate-data: x", "kubernetes-client-key-data: x")
		add("kubernetes-insecure-skip-tls-verify: true", "kubernetes-insecure-skip-tls-verify: false", "kubernetes-insecure-skip-tls-verify: yes")
		add("kubernetes-tls-server-name: kubernetes", "kubernetes-tls-server-name: a_b")
		add("kubernetes-namespace: team-a", "kubernetes-namespace: ${NAMESPACE}")
		add("kubernetes-toolsets: core", "kubernetes-toolsets: ,")
		add("kubernetes-user: alice", "content-type: application/json", server())
		r := request(rapid.Bool().Draw(t, "plaintext"), sent...)

		now := time.Now()
		got := p.Explain(r, now)
		checked, err := kubeheader.Parse(r, &p.Header, now)
		problems, reported := []kubeheader.Problem(nil), checked.Reported()
		if rejection, ok := err.(*kubeheader.Rejection); ok { //nolint:errorlint // Parse returns nothing else
			problems, reported = rejection.Problems, rejection.Reported
			require.Equal(t, rejection, got.Rejection)
		} else {
			require.Nil(t, got.Rejection)
		}
		require.Equal(t, checked.Credential(), got.Credential)
		require.ElementsMatch(t, told(problems), stepsOf(got, Rejects))
		require.ElementsMatch(t, told(reported), stepsOf(got, Reports))
		for _, s := range got.Steps {
			require.Equal(t, s.Outcome == Allows, s.Reason == 0)
			if s.Outcome == Allows && strings.HasPrefix(s.Asked, "host ") {
				require.Contains(t, s.Key, "[", "an entry allows a host: %+v", s)
				require.Positive(t, s.Line)
			}
			require.NotContains(t, fmt.Sprint(s), "alice-token")
		}
	})
}

// told are the reasons with their headers.
func told(problems []kubeheader.Problem) []string {
	out := make([]string, 0, len(problems))
	for _, p := range problems {
		out = append(out, p.Reason.String()+" "+p.Header)
	}
	return out
}

func stepsOf(e Explanation, o Outcome) []string {
	out := []string{}
	for _, s := range e.Steps {
		if s.Outcome == o {
			out = append(out, s.Reason.String()+" "+s.Header)
		}
	}
	return out
}
