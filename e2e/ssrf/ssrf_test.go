package ssrf

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

var world = rig.World{Bare: true}

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &world)) }

// sentinel is a listener that nobody may reach, on the port of the cluster, at
// loopback addresses where the cluster is not.
type sentinel struct {
	port string
	hits atomic.Int64
}

// The addresses that names resolve to. Only loopback is on every machine: it is
// the policy that makes one of them good and the others bad.
const (
	good       = "127.0.0.1"
	bad4, bad6 = "127.0.0.9", "::1"
)

func startSentinel(tb testing.TB) *sentinel {
	tb.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(world.Cluster.Server, "https://"))
	require.NoError(tb, err)
	s := &sentinel{port: port}
	for _, address := range []string{bad4, bad6} {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", net.JoinHostPort(address, port))
		if err != nil && address == bad6 {
			continue // a machine without IPv6 has nothing to reach there
		}
		require.NoError(tb, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				s.hits.Add(1)
				_ = conn.Close()
			}
		}()
		tb.Cleanup(func() { _ = l.Close(); <-done })
	}
	return s
}

// TestSentinelCounts: what stands at zero below can rise.
func TestSentinelCounts(t *testing.T) {
	s := startSentinel(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(bad4, s.port))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	rig.Eventually(t, func() error {
		if s.hits.Load() != 1 {
			return errors.New("not counted yet")
		}
		return nil
	})
}

// ways are the ways out that tools have: what is asked of a cluster as a list, as
// one object, as text, over an upgraded connection, and by a library.
var ways = []struct{ tool, arguments string }{
	{"whoami", `{}`},
	{"namespaces_list", `{}`},
	{"resources_get", `{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":"team-a"}`},
	{"pods_log", `{"name":"web","namespace":"team-a"}`},
	{"pods_exec", `{"name":"web","namespace":"team-a","command":["true"]}`},
	{"resources_describe", `{"apiVersion":"v1","kind":"Pod","name":"web","namespace":"team-a"}`},
	{"explain", `{"path":"pod"}`},
	{"api_resources", `{}`},
	{"resources_delete", `{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":"team-a"}`},
	{"nodes_stats_summary", `{"name":"node-1"}`},
}

// stack starts a stack whose backend resolves with the test's server, and whose
// environment names the sentinel as every kind of proxy. The policy allows names
// below example.com, and of loopback the good address at these ports.
func stack(tb testing.TB, dns *names, s *sentinel, more ...string) *harness.Stack {
	tb.Helper()
	proxy := "http://" + net.JoinHostPort(bad4, s.port)
	ports := strings.Join(append(more, s.port), ", ")
	return world.StartStack(tb, harness.Options{
		DNS: dns.address, Toolsets: "core,write,exec",
		Env: []string{
			"HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "ALL_PROXY=" + proxy,
			"http_proxy=" + proxy, "https_proxy=" + proxy, "all_proxy=" + proxy, "NO_PROXY=", "no_proxy=",
		},
		Policy: "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\nhosts:\n  exact: [\"127.0.0.1\"]\n  suffixes: [.example.com]\n" +
			fmt.Sprintf("ports: [%s]\nnetworks:\n- cidr: %s/32\n  ports: [%s]\n", ports, good, ports) +
			"limits: {guard: {drain: 500ms}, backend: {callTimeout: 5s}}\n",
	})
}

// TestNamesThatLead: no way out reaches an address that the policy does not
// open, whatever a name resolves to.
func TestNamesThatLead(t *testing.T) {
	dns, s := startNames(t), startSentinel(t)
	edge := stack(t, dns, s)
	client := rig.NewClient(t, false)
	for host, answers := range map[string][]string{
		"plain.example.com":   {bad4},
		"mixed.example.com":   {bad4, bad6, "::ffff:" + bad4},
		"chain.example.com":   {"a.example.com", "b.example.net", "localhost", bad4, bad6},
		"mapped.example.com":  {"::ffff:" + bad4, "64:ff9b::7f00:9", "2002:7f00:9::"},
		"private.example.com": {"169.254.169.254", "10.0.0.1", "fd00:ec2::254", "0.0.0.0"},
	} {
		t.Run(host, func(t *testing.T) {
			dns.set(host, func(int, uint16) []string { return answers })
			headers := world.Cluster.Token("alice").With(kubeheader.Server, "https://"+host+":"+s.port)
			for _, way := range ways {
				result, rpc, err := client.CallTool(t.Context(), edge.URL, headers, way.tool, way.arguments)
				require.NoError(t, err)
				require.Nil(t, rpc.Error, "%s: %+v", way.tool, rpc.Error)
				require.True(t, result.IsError, "%s: %s", way.tool, result.Text())
				require.Contains(t, result.Text(), "address policy", way.tool)
			}
			require.GreaterOrEqual(t, dns.questions(host), len(ways), "not every way looked the name up")
			require.Zero(t, s.hits.Load(), "somebody came")
		})
	}
}

// TestRebinding: a name that is good when it is looked at and bad the next time
// is judged each time that somebody connects.
func TestRebinding(t *testing.T) {
	dns, s := startNames(t), startSentinel(t)
	edge := stack(t, dns, s)
	const host = "rebinding.example.com"
	dns.set(host, func(n int, _ uint16) []string {
		if n/2%2 == 0 { // one look-up is two questions, A and AAAA
			return []string{good}
		}
		return []string{bad4, bad6}
	})
	client := rig.NewClient(t, false)
	reached, refused := 0, 0
	for _, caller := range world.Callers() { // each has connections of his own
		headers := caller.Headers.With(kubeheader.Server, "https://"+host+":"+s.port).Plus(kubeheader.TLSServerName, "kubernetes")
		for _, way := range ways {
			result, rpc, err := client.CallTool(t.Context(), edge.URL, headers, way.tool, way.arguments)
			require.NoError(t, err)
			require.Nil(t, rpc.Error)
			if strings.Contains(result.Text(), "address policy") {
				refused++
			} else {
				reached++
			}
		}
	}
	t.Logf("%d calls reached the good address, %d were refused, %d questions", reached, refused, dns.questions(host))
	require.Positive(t, reached)
	require.Positive(t, refused)
	require.Zero(t, s.hits.Load())
}

// TestGoodAddressAmongBadOnes: what the policy opens is reached by its name, and
// what stands beside it is not tried.
func TestGoodAddressAmongBadOnes(t *testing.T) {
	dns, s := startNames(t), startSentinel(t)
	edge := stack(t, dns, s)
	dns.set("api.example.com", func(int, uint16) []string { return []string{bad4, bad6, good} })
	headers := world.Cluster.Token("alice").With(kubeheader.Server, "https://api.example.com:"+s.port).Plus(kubeheader.TLSServerName, "kubernetes")
	require.Equal(t, "alice", rig.Whoami(t, rig.NewClient(t, false), edge.URL, headers))
	require.Zero(t, s.hits.Load())
}

// TestRedirectsLeadNowhere: a server that may be asked sends every way out on to
// the sentinel, what is to be upgraded too.
func TestRedirectsLeadNowhere(t *testing.T) {
	dns, s := startNames(t), startSentinel(t)
	status := http.StatusFound
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://"+net.JoinHostPort(bad4, s.port)+"/")
		w.WriteHeader(status)
	}))
	defer server.Close()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	edge := stack(t, dns, s, port)
	client := rig.NewClient(t, false)
	for _, status = range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		headers := world.Cluster.Token("alice").With(kubeheader.Server, "https://127.0.0.1:"+port).With(kubeheader.CertificateAuthority, ca)
		for _, way := range ways {
			result, rpc, err := client.CallTool(t.Context(), edge.URL, headers, way.tool, way.arguments)
			require.NoError(t, err)
			require.Nil(t, rpc.Error)
			require.True(t, result.IsError, "%s: %s", way.tool, result.Text())
			require.Contains(t, result.Text(), "redirect", way.tool)
		}
	}
	require.Zero(t, s.hits.Load(), "somebody followed")
}

// TestExecIsJudgedAnew: a command runs over a connection of its own, which looks
// the name up once more. What was good for the question before is no leave.
func TestExecIsJudgedAnew(t *testing.T) {
	dns, s := startNames(t), startSentinel(t)
	edge := stack(t, dns, s)
	const host = "exec.example.com"
	client := rig.NewClient(t, false)
	list, _, err := client.CallTool(t.Context(), edge.URL, world.Cluster.Token("alice"), "pods_list_in_namespace", `{"namespace":"team-a","labelSelector":"app=web","limit":1}`)
	require.NoError(t, err)
	var pods struct {
		Names []string `json:"names"`
	}
	require.NoError(t, json.Unmarshal(list.Structured, &pods))
	require.Len(t, pods.Names, 1, list.Text())
	arguments := fmt.Sprintf(`{"name":%q,"namespace":"team-a","command":["true"]}`, pods.Names[0])
	for later, credential := range map[string]harness.Headers{ // each has connections of his own
		good: world.Cluster.Token("alice"), bad4: world.Cluster.Certificate("alice"),
	} {
		dns.set(host, func(n int, _ uint16) []string {
			if n < 2 { // A and AAAA
				return []string{good}
			}
			return []string{later}
		})
		headers := credential.With(kubeheader.Server, "https://"+host+":"+s.port).Plus(kubeheader.TLSServerName, "kubernetes")
		result, rpc, err := client.CallTool(t.Context(), edge.URL, headers, "pods_exec", arguments)
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		if later == good {
			require.False(t, result.IsError, result.Text())
			continue
		}
		require.Contains(t, result.Text(), "address policy")
	}
	require.Zero(t, s.hits.Load())
}
