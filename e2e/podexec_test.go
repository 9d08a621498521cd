package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	exit "k8s.io/client-go/util/exec"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// kubectl is how client-go reaches a cluster as a user.
func kubectl(c *harness.Cluster, user string) *rest.Config {
	return &rest.Config{
		Host: c.Server, BearerToken: c.Users[user].Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(c.CA)},
	}
}

// apiDo asks the API server itself.
func apiDo(t *testing.T, c *harness.Cluster, method, user, path string) (status int, body string) {
	t.Helper()
	client, err := rest.HTTPClientFor(kubectl(c, user))
	require.NoError(t, err)
	client.Timeout = 10 * time.Second
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, c.Server+path, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func apiGet(t *testing.T, c *harness.Cluster, user, path string) string {
	t.Helper()
	status, body := apiDo(t, c, http.MethodGet, user, path)
	require.Equal(t, http.StatusOK, status, body)
	return body
}

// transports are the two ways in which kubectl exec may speak.
func transports() map[string]func(*rest.Config, *url.URL) (remotecommand.Executor, error) {
	return map[string]func(*rest.Config, *url.URL) (remotecommand.Executor, error){
		"SPDY": func(c *rest.Config, u *url.URL) (remotecommand.Executor, error) {
			return remotecommand.NewSPDYExecutor(c, http.MethodPost, u) //nolint:forbidigo // a test, of the cluster alone
		},
		"WebSocket": func(c *rest.Config, u *url.URL) (remotecommand.Executor, error) {
			return remotecommand.NewWebSocketExecutor(c, http.MethodGet, u.String()) //nolint:forbidigo // see above
		},
	}
}

// execURL is where kubectl exec goes.
func execURL(t *testing.T, c *harness.Cluster, namespace, pod string, stdin bool, command ...string) *url.URL {
	t.Helper()
	u, err := url.Parse(c.Server)
	require.NoError(t, err)
	u.Path = "/api/v1/namespaces/" + namespace + "/pods/" + pod + "/exec"
	query := url.Values{"container": {"web"}, "stdout": {"true"}, "stderr": {"true"}, "command": command}
	if stdin {
		query.Set("stdin", "true")
	}
	u.RawQuery = query.Encode()
	return u
}

// TestPodExec: a tenant runs a command in its Pod, with input, output, errors
// and the exit status, and cannot in a Pod of the other's.
func TestPodExec(t *testing.T) {
	for name, transport := range transports() {
		for _, c := range shared.Callers()[:2] {
			t.Run(name+"/"+c.User, func(t *testing.T) {
				pod := webPod(t, shared.Cluster, c.User, c.Namespace)
				run := func(user string, script string, stdin io.Reader) (stdout, stderr bytes.Buffer, err error) {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					defer cancel()
					executor, err := transport(kubectl(shared.Cluster, user),
						execURL(t, shared.Cluster, c.Namespace, pod, stdin != nil, "sh", "-c", script))
					require.NoError(t, err)
					err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: &stdout, Stderr: &stderr})
					return stdout, stderr, err
				}
				stdout, stderr, err := run(c.User, `echo "in $POD_NAMESPACE"; echo oops >&2; exit 3`, nil)
				var code exit.CodeExitError
				require.ErrorAs(t, err, &code)
				require.Equal(t, 3, code.Code)
				require.Equal(t, "in "+c.Namespace+"\n", stdout.String())
				require.Equal(t, "oops\n", stderr.String())

				stdout, _, err = run(c.User, "read line; echo got $line", strings.NewReader("hello\n"))
				require.NoError(t, err)
				require.Equal(t, "got hello\n", stdout.String())

				// Nothing of the person who started the cluster but the search path.
				stdout, _, err = run(c.User, "env | cut -d= -f1", nil)
				require.NoError(t, err)
				require.Subset(t, []string{"PATH", "HOME", "KWOK_WORKDIR", "POD_NAMESPACE", "PWD", "OLDPWD", "SHLVL", "_"}, strings.Fields(stdout.String()))

				stdout, _, err = run(map[string]string{"alice": "bob", "bob": "alice"}[c.User], "echo in", nil)
				require.ErrorContains(t, err, "forbidden")
				require.Empty(t, stdout.String())
			})
		}
	}
}

// TestPodExecIsForTheAPIServer: the port behind kubectl exec runs commands, so
// it lets nobody in but the API server: not without a certificate, and not with
// one that the same authority gave to a tenant or to the admin.
func TestPodExecIsForTheAPIServer(t *testing.T) {
	nodes := apiGet(t, shared.Cluster, "admin", "/api/v1/nodes/node-1")
	_, port, found := strings.Cut(nodes, `"kubeletEndpoint":{"Port":`)
	require.True(t, found, nodes)
	port, _, _ = strings.Cut(port, "}")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(shared.Cluster.CA)))
	for _, user := range []string{"", "alice", "admin"} {
		config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if user != "" {
			pair, err := tls.X509KeyPair([]byte(shared.Cluster.Users[user].Certificate), []byte(shared.Cluster.Users[user].Key))
			require.NoError(t, err)
			config.Certificates = []tls.Certificate{pair}
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: 10 * time.Second}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+"/containerLogs/team-b/x/web", nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		require.ErrorContains(t, err, "tls: ", "%q was let in", user)
	}
	response, err := http.Get("http://127.0.0.1:" + port + "/containerLogs/team-b/x/web")
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "without TLS")
}

// sleepInAPod starts a command in a Pod of a cluster and returns once it runs. The
// channel is closed when the connection to it has ended.
func sleepInAPod(t *testing.T, cluster *harness.Cluster) <-chan struct{} {
	t.Helper()
	u := execURL(t, cluster, "team-a", webPod(t, cluster, "alice", "team-a"), false, "sh", "-c", "echo started; sleep 600")
	executor, err := remotecommand.NewWebSocketExecutor(kubectl(cluster, "alice"), http.MethodGet, u.String()) //nolint:forbidigo // a test, of the cluster alone
	require.NoError(t, err)
	out, ended := new(output), make(chan struct{})
	go func() {
		defer close(ended)
		_ = executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: out, Stderr: out}) // cut off
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		if !strings.Contains(out.String(), "started") {
			return errors.New("the command has not started: " + out.String())
		}
		return nil
	}))
	return ended
}

// readCluster is what the harness would know of a cluster that it did not start.
func readCluster(t *testing.T, dir string) *harness.Cluster {
	t.Helper()
	report := readReport(t, dir)
	return &harness.Cluster{Server: report.Server, CA: report.CA, Users: report.Users}
}

// TestPodsAreReplaced: a Pod that is deleted goes, and another takes its place.
func TestPodsAreReplaced(t *testing.T) {
	t.Parallel()
	const namespace = "replaced"
	apiSend(t.Context(), t, "admin", http.MethodPost, "/api/v1/namespaces", "application/json", `{"metadata":{"name":"`+namespace+`"}}`)
	t.Cleanup(func() {
		apiSend(context.WithoutCancel(t.Context()), t, "admin", http.MethodDelete, "/api/v1/namespaces/"+namespace, "", "")
	})
	takesPods(t, namespace)
	apiSend(t.Context(), t, "admin", http.MethodPost, "/apis/apps/v1/namespaces/"+namespace+"/deployments", "application/json",
		`{"metadata":{"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
		"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"web","image":"registry.example.com/web:1"}]}}}}`)
	path := "/api/v1/namespaces/" + namespace + "/pods"
	twoWithout := func(name string) func() error {
		return func() error {
			pods := apiGet(t, shared.Cluster, "admin", path+"?labelSelector=app%3Dweb")
			if running := strings.Count(pods, `"phase":"Running"`); running != 2 || strings.Contains(pods, name) {
				return fmt.Errorf("%d run; the old one is there: %t", running, strings.Contains(pods, name))
			}
			return nil
		}
	}
	rig.Eventually(t, twoWithout("no such name"))
	old := webPod(t, shared.Cluster, "admin", namespace)
	status, body := apiDo(t, shared.Cluster, http.MethodDelete, "admin", path+"/"+old)
	require.Equal(t, http.StatusOK, status, body)
	rig.Eventually(t, twoWithout(old))
}
