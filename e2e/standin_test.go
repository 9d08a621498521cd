package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// standin stands in for the parts of a cluster that the embedded one lacks: a
// metrics API, kubelets that measure and tell their logs, and a Pod whose log
// goes on: the embedded cluster's are all of one old day. Everything else it
// hands to the real API server, as the caller: it knows him by his token or by
// his certificate. A tenant may read the metrics of his own namespace alone, and
// nothing of nodes, as RBAC would have it.
type standin struct {
	*httptest.Server

	real   string
	client *http.Client
}

func newStandin(t *testing.T) *standin {
	t.Helper()
	client, err := rest.HTTPClientFor(&rest.Config{Host: shared.Cluster.Server, TLSClientConfig: rest.TLSClientConfig{CAData: []byte(shared.Cluster.CA)}})
	require.NoError(t, err)
	s := &standin{real: shared.Cluster.Server, client: client}
	authority := x509.NewCertPool()
	require.True(t, authority.AppendCertsFromPEM([]byte(shared.Cluster.CA)))
	s.Server = httptest.NewUnstartedServer(s)
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: authority, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(client.CloseIdleConnections)
	t.Cleanup(s.Close)
	return s
}

// headers are a caller's, with the stand-in for the cluster.
func (s *standin) headers(of harness.Headers) harness.Headers {
	out := make(harness.Headers, 0, len(of))
	for _, h := range of {
		switch h.Name {
		case kubeheader.Server:
			h.Value = s.URL
		case kubeheader.CertificateAuthority:
			h.Value = base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
		}
		out = append(out, h)
	}
	return out
}

func (s *standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := s.user(r)
	body, namespace, found := measuredBy(r)
	switch home := map[string]string{"alice": "team-a", "bob": "team-b"}[user]; {
	case user == "":
		answerStatus(w, http.StatusUnauthorized, "Unauthorized")
	case !found:
		s.pass(w, r, user)
	case user != "admin" && (namespace == "" || namespace != home):
		answerStatus(w, http.StatusForbidden, fmt.Sprintf("User %q cannot read that", user))
	case body == "":
		answerStatus(w, http.StatusNotFound, "the server could not find the requested resource")
	default:
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "text/plain")
		}
		_, _ = io.WriteString(w, body)
	}
}

// user is who the caller is; "" if nobody.
func (s *standin) user(r *http.Request) string {
	if len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	for name, u := range shared.Cluster.Users {
		if r.Header.Get("Authorization") == "Bearer "+u.Token {
			return name
		}
	}
	return ""
}

// measuredBy is the answer to what is asked of metrics and kubelets; found is
// false for everything else.
func measuredBy(r *http.Request) (body, namespace string, found bool) {
	const metrics, nodes = "/apis/metrics.k8s.io/v1beta1/", "/api/v1/nodes/"
	pod := func(namespace, name, cpu string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":%q},"containers":[{"name":"app","usage":{"cpu":%q,"memory":"20Mi"}},{"name":"side","usage":{"cpu":"2m","memory":"1Mi"}}]}`, name, namespace, cpu)
	}
	node := `{"metadata":{"name":"node-1"},"usage":{"cpu":"500m","memory":"1Gi"}}`
	list := func(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `]}` }
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, metrics+"namespaces/"):
		namespace, rest, _ := strings.Cut(strings.TrimPrefix(path, metrics+"namespaces/"), "/")
		switch rest {
		case "pods":
			return list(pod(namespace, "small", "5m"), pod(namespace, "great", "1500m")), namespace, true
		case "pods/great":
			return pod(namespace, "great", "1500m"), namespace, true
		}
		return "", namespace, true
	case path == metrics+"pods":
		return list(pod("team-a", "small", "5m"), pod("team-b", "great", "1500m")), "", true
	case path == metrics+"nodes":
		return list(node), "", true
	case path == metrics+"nodes/node-1":
		return node, "", true
	case path == nodes+"node-1/proxy/stats/summary":
		return `{"node":{"nodeName":"node-1","cpu":{"usageNanoCores":250000000},"memory":{"workingSetBytes":1073741824,"availableBytes":1073741824}},
			"pods":[{"podRef":{"name":"web","namespace":"team-a"},"memory":{"workingSetBytes":1048576}}]}`, "", true
	case path == nodes+"node-1/proxy/logs/" && r.URL.Query().Get("query") == "kubelet":
		return strings.Repeat("kubelet says so\n", 3) + "tail " + r.URL.Query().Get("tailLines") + "\n", "", true
	case strings.HasSuffix(path, "/pods/aged/log"):
		namespace, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/namespaces/"), "/")
		return agedLog(r.URL.Query().Get("sinceSeconds")), namespace, true
	}
	return "", "", strings.HasPrefix(path, metrics) || strings.HasPrefix(path, nodes) && strings.Contains(path, "/proxy/")
}

// agedLog is a log as a kubelet sends it: what is older than so many seconds is
// left out.
func agedLog(sinceSeconds string) string {
	since, err := strconv.Atoi(sinceSeconds)
	var out strings.Builder
	for _, line := range []struct {
		age  int // seconds
		text string
	}{{86_000, "of yesterday"}, {3600, "of an hour ago"}, {1, "of now"}} {
		if err != nil || line.age <= since {
			out.WriteString(line.text + "\n")
		}
	}
	return out.String()
}

// pass hands a request to the real API server.
func (s *standin) pass(w http.ResponseWriter, r *http.Request, user string) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, s.real+r.URL.RequestURI(), r.Body)
	if err != nil {
		answerStatus(w, http.StatusBadGateway, "no request")
		return
	}
	out.Header = r.Header.Clone()
	out.Header.Set("Authorization", "Bearer "+shared.Cluster.Users[user].Token)
	answer, err := s.client.Do(out)
	if err != nil {
		answerStatus(w, http.StatusBadGateway, "no answer")
		return
	}
	defer func() { _ = answer.Body.Close() }()
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func answerStatus(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","message":%q,"details":{"name":"x"}}`, message)
}
