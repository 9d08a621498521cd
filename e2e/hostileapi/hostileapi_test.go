package hostileapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

var world = rig.World{Bare: true}

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &world)) }

const (
	// deadline is how long a tool call may take here, and slack how much longer
	// its answer may be on its way.
	deadline = 3 * time.Second
	slack    = time.Second
	// callers is how many call a hostile server at once, each with his own token.
	callers = 4
	// growth is how much the backend's memory may grow, in bytes.
	growth = 64 << 20
	// connectionsEnd is when the last connection has to be gone: a server that is
	// silent for 15 s is sent a ping, and has 5 s for its answer.
	connectionsEnd = 30 * time.Second
)

// behaviour is one way to be hostile, and what the answer has to say of it.
type behaviour struct {
	name       string
	calls      []call // nil: whoami and a list
	says       string // a regular expression
	http       http.Handler
	oneVersion bool // HTTP/1.1 alone
	identity   identity
	raw        func(conn net.Conn, over <-chan struct{})
}

type call struct{ tool, arguments string }

// started is a behaviour on a port.
type started struct {
	behaviour

	address string
}

// startAll gives every behaviour its port.
func startAll(tb testing.TB) []started {
	tb.Helper()
	behaviours := append(answers(), wires(tb)...)
	all := make([]started, 0, len(behaviours))
	for _, b := range behaviours {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		if b.raw != nil {
			serveRaw(tb, l, b.raw)
		} else {
			b.identity = newIdentity(tb, nil)
			serveHTTP(tb, l, b.identity, b.http, func(s *http.Server) {
				if b.oneVersion {
					s.Protocols = new(http.Protocols)
					s.Protocols.SetHTTP1(true)
				}
			})
		}
		if b.calls == nil {
			b.calls = []call{whoami, list}
		}
		all = append(all, started{b, l.Addr().String()})
	}
	return all
}

// TestHostileAPIServers meets them one by one, with honest callers beside.
func TestHostileAPIServers(t *testing.T) {
	stack, servers := startStack(t)
	honest := world.StartTraffic(t, rig.Load{URL: stack.URL, Every: 20 * time.Millisecond})
	honest.More(t, &honest.Good)
	goroutines := gauge(t.Context(), t, stack, "go_goroutines")
	before, grown := resident(t, stack.MCPBackend), 0
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			stop := watchMemory(t, stack.MCPBackend)
			s.meet(t, stack.URL)
			most := stop()
			t.Logf("the backend held %d MiB at most", most>>20)
			grown = max(grown, most-before)
		})
	}
	honest.More(t, &honest.Good)
	honest.Stop()
	good, bad := honest.Good.Load(), honest.Bad.Load()+honest.Wrong.Load()
	t.Logf("%d behaviours; honest: %s; the backend grew by %d MiB at most", len(servers), honest, grown>>20)
	require.GreaterOrEqual(t, float64(good)/float64(good+bad), 0.99, "%v", honest.Errors())
	require.LessOrEqual(t, honest.Percentile(1), deadline+slack)
	require.Less(t, grown, growth)
	for _, s := range servers {
		require.NotContains(t, string(stack.MCPBackend.Output()), token(s.address, 0), s.name)
	}
	require.NotContains(t, string(stack.MCPBackend.Output()), canary)
	// What the calls needed goes with their connections: those of clients that are
	// not used any more, and those to servers that do not even answer a ping.
	ctx, cancel := context.WithTimeout(t.Context(), connectionsEnd)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(ctx context.Context) error {
		if now := gauge(ctx, t, stack, "go_goroutines"); now > goroutines+5 {
			return fmt.Errorf("%v goroutines are left, before there were %v", now, goroutines)
		}
		return nil
	}))
}

// startStack starts the servers, and a stack that may reach them and the cluster.
func startStack(tb testing.TB) (*harness.Stack, []started) {
	tb.Helper()
	servers := startAll(tb)
	urls := append(make([]string, 0, 1+len(servers)), world.Cluster.Server)
	for _, s := range servers {
		urls = append(urls, "https://"+s.address)
	}
	policy, err := harness.Policy(tb.Context(), urls...)
	require.NoError(tb, err)
	return world.StartStack(tb, harness.Options{Policy: policy, PolicyExtra: fmt.Sprintf(
		"limits:\n  guard:\n    drain: 500ms\n  backend:\n    callTimeout: %s\n    clientIdle: 2s\n", deadline)}), servers
}

// token is the credential of one caller of one server.
func token(address string, n int) string {
	return "CANARY-" + hex.EncodeToString([]byte(address)) + "-" + strconv.Itoa(n)
}

// meet makes the calls, each by several callers at once.
func (s started) meet(t *testing.T, url string) {
	t.Helper()
	says := regexp.MustCompile(s.says)
	var running sync.WaitGroup
	for _, c := range s.calls {
		for n := range callers {
			running.Go(func() {
				secret := token(s.address, n)
				client := harness.NewClient(n%2 == 0)
				defer client.Close()
				begun := time.Now()
				result, rpc, err := client.CallTool(context.WithoutCancel(t.Context()), url, s.identity.headers(s.address, secret), c.tool, c.arguments)
				took := time.Since(begun)
				if err != nil || rpc.Error != nil {
					t.Errorf("%s: %v, %+v", c.tool, err, rpc.Error)
					return
				}
				text := result.Text()
				assert.Less(t, took, deadline+slack, "%s: %s", c.tool, text)
				assert.Regexp(t, says, text, c.tool)
				whole := text + string(result.Structured)
				for _, spelling := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)), canary, "\x1b", "\u202e", "\u200b"} {
					assert.NotContains(t, whole, spelling, c.tool)
				}
			})
		}
	}
	running.Wait()
}

// gauge reads one figure of the backend's.
func gauge(ctx context.Context, tb testing.TB, s *harness.Stack, name string) float64 {
	tb.Helper()
	for line := range strings.Lines(rig.Fetch(ctx, tb, new(http.Client), s.BackendAdmin()+"/metrics")) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(tb, err)
			return v
		}
	}
	require.Fail(tb, "no such metric", name)
	return 0
}

func resident(tb testing.TB, p *harness.Process) int {
	tb.Helper()
	n, err := p.Memory()
	require.NoError(tb, err)
	return n
}

// watchMemory follows the memory of a process until stop, which says what it was
// at most.
func watchMemory(tb testing.TB, p *harness.Process) (stop func() int) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	most := make(chan int, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		held := 0
		for {
			if now, err := p.Memory(); err == nil {
				held = max(held, now)
			}
			select {
			case <-ctx.Done():
				most <- held
				return
			case <-tick.C:
			}
		}
	}()
	return func() int { cancel(); return <-most }
}
