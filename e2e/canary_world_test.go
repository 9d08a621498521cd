package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// secrets are what one caller sends to clusters that are broken or hostile.
type secrets struct {
	token, certificate, key string
	ca                      authority
	caName                  string
}

func newSecrets(t *testing.T) secrets {
	t.Helper()
	s := secrets{token: "canary-token-" + rand.Text(), caName: "canary-ca-" + rand.Text()}
	s.ca = newAuthority(t, s.caName)
	s.certificate, s.key = s.ca.client(t, "canary-client-"+rand.Text())
	return s
}

// withToken and withCertificate are the headers of a request that the guard
// lets pass.
func (s secrets) withToken(server string) harness.Headers {
	return harness.Headers{
		{Name: kubeheader.Server, Value: server},
		{Name: kubeheader.CertificateAuthority, Value: s.ca.header()},
		{Name: kubeheader.Authorization, Value: "Bearer " + s.token},
	}
}

func (s secrets) withCertificate(server string) harness.Headers {
	return append(s.withToken(server).Without(kubeheader.Authorization),
		harness.Header{Name: kubeheader.ClientCertificate, Value: pemHeader(s.certificate)},
		harness.Header{Name: kubeheader.ClientKey, Value: pemHeader(s.key)})
}

// world is a stack at debug level, with clusters that fail in several ways.
type world struct {
	*harness.Stack

	secrets                        secrets
	refusing, untrusted, hostile   string // server URLs
	good                           harness.Headers
	answers                        map[string][]byte // all that callers got
	pages                          map[string][]byte // of the guard, as it saw the traffic
	reasons                        map[string]int    // of the rejections among them
	id, argument, namespace, quiet string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		secrets: newSecrets(t), good: shared.Cluster.Token("alice"), answers: map[string][]byte{}, pages: map[string][]byte{}, reasons: map[string]int{},
		id: "canary-id-" + rand.Text(), argument: "canary-argument-" + rand.Text(),
		namespace: "canary-" + strings.ToLower(rand.Text()), quiet: "canary-" + rand.Text(),
	}
	port, err := harness.FreePort()
	require.NoError(t, err)
	w.refusing = fmt.Sprintf("https://127.0.0.1:%d", port)
	// Of the same name as the CA that is sent, and another: crypto/x509 then
	// names the certificate that it was given.
	w.untrusted = serveTLS(t, newAuthority(t, w.secrets.caName).serving(t), http.NotFoundHandler())
	w.hostile = serveTLS(t, w.secrets.ca.serving(t), new(echo))
	w.Stack = shared.StartStack(t, harness.Options{
		LogLevel: "debug", Policy: withPorts(t, shared.Policy, w.refusing, w.untrusted, w.hostile),
		PolicyExtra: "logs: {hosts: hashed}\n", // a host is shown otherwise, and a word is a host
	})
	return w
}

// withPorts opens the ports of more servers at the cluster's address.
func withPorts(t *testing.T, policy string, servers ...string) string {
	t.Helper()
	var list, lines strings.Builder
	for _, s := range servers {
		port := s[strings.LastIndexByte(s, ':')+1:]
		list.WriteString(", " + port)
		lines.WriteString("- " + port + "\n")
	}
	require.Contains(t, policy, "\nports:\n")
	require.Equal(t, 1, strings.Count(policy, "  ports: ["))
	policy = strings.Replace(policy, "\nports:\n", "\nports:\n"+lines.String(), 1)
	return strings.Replace(policy, "]\n", list.String()+"]\n", 1)
}

func serveTLS(t *testing.T, certificate tls.Certificate, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// echo is a hostile API server: wherever a program might repeat what a server
// says, it says the caller's credential, each time in another way.
type echo struct{ asked atomic.Int64 }

// ways is in how many.
const ways = 14

// ServeHTTP says it.
func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	way := int(e.asked.Add(1)-1) % ways
	said := r.Header.Get("Authorization")
	if said == "" {
		said = "no token"
	}
	quoted := jsonText("you sent " + said)
	for _, name := range []string{"Warning", "Set-Cookie", "Retry-After", "X-Said", "Audit-Id"} {
		w.Header().Set(name, said)
	}
	w.Header().Set("Content-Type", "application/json")
	status := 0
	if statuses := []int{400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 302, 201}; way < len(statuses) {
		status = statuses[way]
	}
	switch {
	case status == http.StatusFound:
		w.Header().Set("Location", "https://"+strings.TrimPrefix(said, "Bearer ")+".example.com/")
		w.WriteHeader(status)
	case status != 0:
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%s,"reason":%[1]s,"details":{"name":%[1]s,"causes":[{"message":%[1]s}]},"code":%d}`, quoted, status)
	case way == ways-1:
		_, _ = fmt.Fprintf(w, "this is no JSON: %s", said)
	default:
		_, _ = fmt.Fprintf(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","gitVersion":%s,"status":{"userInfo":{"username":%[1]s,"uid":%[1]s,"groups":[%[1]s]}}}`, quoted)
	}
}

// call sends a request and keeps the answer. All parts of the request that are
// not headers of the contract hold canaries too.
func (w *world) call(t *testing.T, client *harness.Client, url, body string, headers harness.Headers) {
	t.Helper()
	headers = headers.With("MCP-Protocol-Version", "2025-11-25")
	for _, name := range []string{"Authorization", "Cookie", "User-Agent", "X-Request-ID", "X-Other"} {
		headers = headers.With(name, w.quiet)
	}
	res, err := client.Post(t.Context(), url+"?query="+w.quiet, headers, body)
	require.NoError(t, err)
	head, err := json.Marshal(res.Header)
	require.NoError(t, err)
	w.answers[fmt.Sprintf("answer %d", len(w.answers)+1)] = append(append(head, '\n'), res.Body...)
	if rpc, err := res.RPC(); err == nil && rpc.Error != nil {
		w.reasons[rpc.Error.Data.Reason]++
	}
}

// bodies are a good call and calls with canaries where callers write freely.
func (w *world) bodies() []string {
	request := `{"jsonrpc":"2.0","id":"` + w.id + `","method":%q,"params":{"name":%q,"arguments":%s,"_meta":{"note":"` + w.quiet + `"}}}`
	return []string{
		fmt.Sprintf(request, "tools/call", "whoami", `{}`),
		fmt.Sprintf(request, "tools/call", "whoami", `{"`+w.argument+`":1}`),
		fmt.Sprintf(request, "tools/call", "resources_list", `{"apiVersion":"v1","kind":"`+w.argument+`"}`),
		fmt.Sprintf(request, "tools/call", "resources_get", `{"apiVersion":"v1","kind":"ConfigMap","name":"`+strings.ToLower(w.argument)+`","namespace":"team-a"}`),
		fmt.Sprintf(request, "tools/call", "resources_list", `{"apiVersion":"v1","kind":"ConfigMap","labelSelector":"`+w.argument+`=(("}`),
		fmt.Sprintf(request, "tools/call", w.argument, `{}`),
		fmt.Sprintf(request, w.argument, "whoami", `{}`),
		`{"jsonrpc":"2.0","id":"` + w.id + `","method":`,
		`[{"jsonrpc":"2.0","id":"` + w.id + `","method":"tools/list"}]`,
	}
}
