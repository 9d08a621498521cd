package e2e

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// pemHeader is how PEM travels.
func pemHeader(text ...string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(text, "")))
}

// badHeaders are requests with canaries that the guard rejects, of every kind
// that a value can be wrong in.
func (w *world) badHeaders() []harness.Headers {
	s := w.secrets
	token, pair := s.withToken(w.hostile), s.withCertificate(w.hostile)
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) } // of a JWT
	out := []harness.Headers{
		append(slices.Clone(pair), token...), // twice, and both credentials
		token.Plus(kubeheader.ClientKey, pemHeader(s.key)),
		token.Plus(kubeheader.ClientCertificate, pemHeader(s.certificate)),
		pair.Without(kubeheader.ClientKey), pair.Without(kubeheader.ClientCertificate),
		token.Without(kubeheader.Server), token.Without(kubeheader.CertificateAuthority), token.Without(kubeheader.Authorization),
		token.Plus("kubernetes-"+w.quiet, w.quiet), token.Plus("Kubernetes_"+w.quiet, w.quiet),
		pair.With(kubeheader.ClientKey, pair.Get(kubeheader.ClientCertificate)),
		pair.With(kubeheader.ClientCertificate, pair.Get(kubeheader.ClientKey)),
		pair.With(kubeheader.ClientKey, pemHeader(s.key, s.key)),
		pair.With(kubeheader.ClientKey, shared.Cluster.Certificate("bob").Get(kubeheader.ClientKey)),
		pair.With(kubeheader.ClientKey, pemHeader(strings.ReplaceAll(s.key, "PRIVATE", "ENCRYPTED PRIVATE"))),
		pair.With(kubeheader.ClientCertificate, shared.Cluster.Certificate("alice").Get(kubeheader.ClientCertificate)),
		pair.With(kubeheader.ClientCertificate, pemHeader(strings.Repeat(s.certificate, 5))),
		token.With(kubeheader.CertificateAuthority, pair.Get(kubeheader.ClientKey)),
		token.With(kubeheader.CertificateAuthority, pemHeader(strings.Replace(s.ca.pem, "-----\n", "-----\nCanary: "+w.quiet+"\n\n", 1))),
		token.With(kubeheader.Authorization, "bearer Bearer "+s.token),
		token.With(kubeheader.Authorization, "Basic "+s.token),
		token.With(kubeheader.Authorization, "Bearer "+strings.Repeat(s.token, 300)),
		token.With(kubeheader.Authorization, "Bearer "+part(`{"alg":"none"}`)+"."+part(`{"exp":1,"sub":"`+w.quiet+`"}`)+"."+part(s.token)),
		token.With(kubeheader.Toolsets, strings.Repeat("canary-"+strings.Repeat("a", 4)+",", 17)+"core"),
	}
	for _, h := range pair.Plus(kubeheader.Authorization, "Bearer "+s.token) {
		base := pair
		if h.Name == kubeheader.Authorization {
			base = token
		}
		for _, value := range []string{
			h.Value + "," + h.Value, h.Value + "\u00e9", "${CANARY}" + h.Value, h.Value + "*", h.Value + " " + h.Value, h.Value[:len(h.Value)/2],
		} {
			out = append(out, base.With(h.Name, value))
		}
		out = append(out, base.Plus(h.Name, h.Value), base.Without(h.Name).Plus(strings.ReplaceAll(h.Name, "-", "_"), h.Value))
		if raw, err := base64.StdEncoding.DecodeString(h.Value); err == nil {
			out = append(out, base.With(h.Name, pemHeader(w.quiet, string(raw))), base.With(h.Name, pemHeader(w.quiet)), base.With(h.Name, pemHeader(string(raw[:len(raw)/2]))))
		}
	}
	host := strings.TrimPrefix(w.hostile, "https://")
	for _, server := range []string{
		"http://" + host, "https://" + w.quiet + ":" + w.quiet + "@" + host, w.hostile + "?" + w.quiet, w.hostile + "#" + w.quiet,
		w.hostile + "/" + w.quiet, w.hostile + "/../" + w.quiet, "https://" + w.quiet + ".example.com", "https://_" + w.quiet, "https://127.0.0.1:1" + w.quiet,
		"https://127.0.0.1:1", "https://169.254.169.254", "https://" + strings.Repeat(w.quiet+".", 30),
	} {
		out = append(out, token.With(kubeheader.Server, server))
	}
	for _, name := range []string{kubeheader.Namespace, kubeheader.Toolsets, kubeheader.TLSServerName, kubeheader.InsecureSkipTLSVerify} {
		out = append(out, token.With(name, w.quiet+"_!"))
	}
	return append(out, token.With(kubeheader.InsecureSkipTLSVerify, "true"))
}

// drive makes every kind of request, ending with those that meet no guard.
func (w *world) drive(t *testing.T) {
	t.Helper()
	bodies := w.bodies()
	e := shared.NewEdge(t, w.Stack, shared.Policy)
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for _, headers := range []harness.Headers{w.good.With(kubeheader.Namespace, w.namespace), w.good, shared.Cluster.Certificate("alice"), shared.Cluster.Certificate("bob")} {
			for _, body := range bodies {
				w.call(t, client, w.URL, body, headers)
			}
		}
		for i, headers := range w.badHeaders() {
			w.call(t, client, w.URL, bodies[i%len(bodies)], headers)
		}
		for _, server := range []string{w.refusing, w.untrusted} {
			for _, headers := range []harness.Headers{w.secrets.withToken(server), w.secrets.withCertificate(server)} {
				w.call(t, client, w.URL, bodies[0], headers)
			}
		}
		for range 3 * ways {
			w.call(t, client, w.URL, bodies[0], w.secrets.withToken(w.hostile))
		}
		w.call(t, client, w.URL, bodies[0], w.secrets.withCertificate(w.hostile))
		for _, headers := range append(w.badHeaders(), w.secrets.withToken(w.hostile), w.secrets.withCertificate(w.hostile)) {
			w.call(t, client, w.BackendURL, bodies[0], headers) // without a proof
		}
		sent := e.Now(t, w.good)
		w.call(t, client, w.BackendURL, bodies[0], sent.With(kubeheader.Authorization, "Bearer "+w.secrets.token))
		w.call(t, client, w.BackendURL, bodies[0], sent.Plus("kubernetes-"+w.quiet, w.quiet))
		w.call(t, client, w.BackendURL, bodies[0], sent.With(kubeheader.Signature, w.quiet))
		w.call(t, client, w.BackendURL, bodies[0], sent.With(kubeheader.SignatureInput, w.quiet))
	}
	client := rig.NewClient(t, false)
	large := w.secrets.withToken(w.hostile).Plus("X-Large", strings.Repeat(w.secrets.token, 4096))
	w.call(t, client, w.URL, bodies[0], large)
	for _, page := range []string{"/metrics", "/status", "/status.json", "/healthz", "/readyz"} {
		w.pages["the guard's "+page] = []byte(rig.Fetch(t.Context(), t, new(http.Client), w.GuardAdmin(0)+page))
	}
	w.Extproc.Kill()
	w.call(t, client, w.URL, bodies[0], w.secrets.withToken(w.hostile))
	w.call(t, client, w.URL, bodies[0], w.secrets.withCertificate(w.hostile))
}

// canaries are all that must not show: tokens, keys, certificates and CAs, the
// cluster's own ones included, and whatever else callers wrote. The id, the
// arguments and the default namespace may stand in the caller's own answer.
func (w *world) canaries(t *testing.T) []canary {
	t.Helper()
	s := w.secrets
	out := append(make([]canary, 0, 20),
		text("token", s.token), text("a word in headers, query, cookie or _meta", w.quiet),
		material(t, "client key", s.key), material(t, "client certificate", s.certificate), material(t, "CA", s.ca.pem),
		material(t, "cluster's CA", shared.Cluster.CA))
	for _, user := range []string{"alice", "bob"} {
		u := shared.Cluster.Users[user]
		out = append(out, text(user+"'s token", u.Token), material(t, user+"'s key", u.Key), material(t, user+"'s certificate", u.Certificate))
	}
	signingKey, err := os.ReadFile(w.SigningKeyFile())
	require.NoError(t, err)
	out = append(out, signingCanary(t, signingKey))
	// The CA's name comes from crypto/x509, which says of an unknown authority
	// that it bears the name of the one that was sent: a help, and to him alone.
	for name, word := range map[string]string{"id": w.id, "argument": w.argument, namespaceCanary: w.namespace, "name of the CA": s.caName} {
		c := text(name, word)
		c.answers = true
		out = append(out, c)
	}
	return out
}

// outputs are all that a bystander can read.
func (w *world) outputs(t *testing.T) map[string][]byte {
	t.Helper()
	out := maps.Clone(w.pages)
	for _, page := range []string{"/metrics", "/healthz", "/readyz"} {
		out["the backend's "+page] = []byte(rig.Fetch(t.Context(), t, new(http.Client), w.BackendAdmin()+page))
	}
	for _, p := range w.Processes() {
		out["output of "+p.Name] = p.Output()
	}
	access, err := os.ReadFile(w.AccessLogFile())
	require.NoError(t, err)
	out["access log"] = access
	for _, page := range []string{"/config_dump", "/stats", "/stats/prometheus", "/clusters", "/listeners", "/server_info"} {
		out["Envoy's "+page] = []byte(rig.Fetch(t.Context(), t, new(http.Client), w.EnvoyAdmin+page))
	}
	return out
}

// TestCanary: at debug level of both programs and info level of
// Envoy, nothing that a caller sent in confidence shows anywhere.
func TestCanary(t *testing.T) {
	w := newWorld(t)
	w.drive(t)
	outputs := w.outputs(t)

	// The traffic was what it was meant to be, and what is searched is about it.
	require.GreaterOrEqual(t, len(w.reasons), 40, "only these reasons were met: %v", w.reasons)
	for _, reason := range []kubeheader.Reason{
		kubeheader.ReasonServerUserinfo, kubeheader.ReasonClientKeyMismatch, kubeheader.ReasonUnknownHeader, kubeheader.ReasonTokenExpired,
		kubeheader.ReasonProofMissing, kubeheader.ReasonProofInvalid, kubeheader.ReasonGuardUnavailable, kubeheader.ReasonHeadersTooLarge,
	} {
		require.Positive(t, w.reasons[reason.String()], reason.String())
	}
	for place, want := range map[string][]string{
		"output of extproc":    {`"level":"DEBUG"`, `"reason":"server-userinfo"`},
		"output of mcpbackend": {`"reason":"proof-missing"`, `"trouble":"unreached"`, `"trouble":"untrusted"`, `"trouble":"unauthorized"`, `"outcome":"ok"`},
		"output of envoy":      {"[info]", "[ext_proc]"},
		"access log":           {`"reason":"server-userinfo"`, `"path":"/mcp"`},
		"Envoy's /stats":       {"ext_proc"},
		"the guard's /metrics": {`reason="server-userinfo"`},
		"the guard's /status":  {"host-not-allowed", "sha256:"},
		"Envoy's /config_dump": {"kube_guard"},
	} {
		for _, s := range want {
			require.Contains(t, string(outputs[place]), s, place)
		}
	}
	// The audit line says where a call acted: a namespace that passed as a name is
	// the one thing of a caller's that the backend writes down.
	backend := auditedNamespace(t, outputs, w.namespace)
	for _, c := range w.canaries(t) {
		searched := maps.Clone(outputs)
		if c.name == namespaceCanary {
			searched["output of mcpbackend"] = backend
		}
		for _, where := range c.seen(searched) {
			t.Error(where)
		}
		in := c.seen(w.answers)
		if c.answers {
			require.NotEmpty(t, in, "%s never came back: the answers are not what is searched", c.name)
			continue
		}
		for _, where := range in {
			t.Error(where)
		}
	}
	require.True(t, jsonrpc.ValidDecision(decisionOf(outputs["output of mcpbackend"])))
}

// namespaceCanary is the name of the canary in kubernetes-namespace.
const namespaceCanary = "namespace"

// auditedNamespace is the backend's output without that member of its audit lines
// which names this namespace; it has to be in some.
func auditedNamespace(t *testing.T, outputs map[string][]byte, namespace string) []byte {
	t.Helper()
	output, member := outputs["output of mcpbackend"], []byte(`,"namespace":"`+namespace+`"`)
	require.Contains(t, string(output), string(member))
	var rest []byte
	for line := range bytes.Lines(output) {
		if bytes.Contains(line, []byte(`"msg":"tool call"`)) {
			line = bytes.Replace(line, member, nil, 1)
		}
		rest = append(rest, line...)
	}
	return rest
}

// decisionOf is the first decision id in a log.
func decisionOf(log []byte) string {
	_, rest, _ := strings.Cut(string(log), `"decision":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
