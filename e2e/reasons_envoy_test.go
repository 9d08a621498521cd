package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// envoyReason is one that Envoy gives by itself, and what makes it do so.
type envoyReason struct {
	code, says string
	status     int
	// undecided: Envoy answers before the request has an id of its own.
	undecided bool
	cause     func(t *testing.T, s *harness.Stack) harness.Response
}

// envoyReasons are in the order in which one stack can give them all: each part
// that a reason needs broken stays so.
func envoyReasons() []envoyReason {
	return []envoyReason{
		{"headers-too-large", "headers that are too large", http.StatusBadRequest, true, sendLargeHeaders},
		{"bad-request", "not valid HTTP", http.StatusBadRequest, true, sendControlByte},
		{"request-timeout", "did not arrive in full in time", http.StatusBadRequest, true, sendHalfAHeader},
		{"preflight-refused", "whether a web page may call", http.StatusBadRequest, false, askForAPage},
		{"backend-unavailable", "no answer from the server behind", http.StatusServiceUnavailable, false, killBackend},
		{"guard-timeout", "could not be checked in time", http.StatusServiceUnavailable, false, freezeGuard},
		{"guard-unavailable", "did not answer as it should", http.StatusServiceUnavailable, false, killGuard},
		{"access-denied", "no word of the guard", http.StatusServiceUnavailable, false, closeCleanly},
	}
}

// unseenReasons cannot be had from the configuration as it is.
func unseenReasons() map[string]string {
	return map[string]string{
		"request-too-large": "Envoy says 413 when a filter wants a body whole and it outgrows the buffer. The guard asks for " +
			"BUFFERED_PARTIAL, which hands over what fits, and nothing else here buffers; see TestReasonOfLargeBodies. The answer " +
			"is kept for edges that add such a filter, and envoy's own tests read it.",
		"front-door-refused": "An edge says so that has a check of its own before the guard, and this one has none; see TestFrontDoor.",
	}
}

// TestReasonsOfEnvoy: what Envoy answers by itself is a JSON-RPC error too,
// whichever part of the stack is broken.
func TestReasonsOfEnvoy(t *testing.T) {
	t.Parallel()
	_, policy := strictPolicies()
	s := shared.StartStack(t, harness.Options{Policy: policy, EditEnvoy: behindAProxy})
	checkAccepted(t, s, overTLS())
	checkReasons(t, s, certificateEndpointFaults())
	for _, r := range envoyReasons() {
		t.Run(r.code, func(t *testing.T) {
			got := r.cause(t, s)
			decision := reasonAnswer{
				status: r.status, code: jsonrpc.InternalError, undecided: r.undecided,
				problems: []reasonProblem{{r.code, "", r.says}},
			}.check(t, got)
			checkSilence(t, overTLS(), got)
			if decision == "" {
				return
			}
			lines := reasonAccessLog(t, s, decision)[decision]
			require.Len(t, lines, 1)
			require.NotEqual(t, "via_upstream", lines[0].Details)
			require.Equal(t, r.status, lines[0].Status)
			require.Empty(t, reasonLines(s.MCPBackend.Output())[decision])
		})
	}
}

// behindAProxy makes Envoy believe the proxy before it, such as one that ends
// TLS, and lose patience with slow headers sooner.
func behindAProxy(config []byte) ([]byte, error) {
	for _, edit := range [][2]string{
		{"xff_num_trusted_hops: 0", "xff_num_trusted_hops: 1"},
		{"request_headers_timeout: 10s", "request_headers_timeout: 1s"},
	} {
		if bytes.Count(config, []byte(edit[0])) != 1 {
			return nil, fmt.Errorf("the configuration does not say %s once", edit[0])
		}
		config = bytes.Replace(config, []byte(edit[0]), []byte(edit[1]), 1)
	}
	return config, nil
}

// overTLS is a good request to the endpoint of TestReasonsOfEnvoy.
func overTLS() harness.Headers {
	return shared.Cluster.Certificate("alice").With("x-forwarded-proto", "https")
}

func postGood(t *testing.T, s *harness.Stack, headers harness.Headers) harness.Response {
	t.Helper()
	got, err := rig.NewClient(t, false).Post(t.Context(), s.URL, asClient(headers, ""), reasonCalls()[0].body)
	require.NoError(t, err)
	return got
}

// sendLargeHeaders sends more than Envoy's 96 KiB.
func sendLargeHeaders(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	return postGood(t, s, overTLS().With(kubeheader.CertificateAuthority, strings.Repeat("Y2FuYXJ5", 100<<10/8)))
}

// sendControlByte sends a byte that HTTP does not know in a value.
func sendControlByte(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	return postRaw(t, s.URL, "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nkubernetes-authorization: Bearer canary\x01\r\n\r\n")
}

// sendHalfAHeader leaves Envoy waiting for the rest.
func sendHalfAHeader(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	return postRaw(t, s.URL, "POST /mcp HTTP/1.1\r\nHost: x\r\nkubernetes-authorization: Bearer cana")
}

// askForAPage is a browser's question, and carries no header of ours.
func askForAPage(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	return postRaw(t, s.URL, "OPTIONS /mcp HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n")
}

func killBackend(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	s.MCPBackend.Kill()
	return postGood(t, s, overTLS())
}

// freezeGuard leaves a guard that is there and says nothing.
func freezeGuard(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	s.Extproc.Signal(syscall.SIGSTOP)
	// The signal is on its way when kill returns: each thread stops in its turn.
	require.NoError(t, harness.Until(t.Context(), func(context.Context) error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.Extproc.PID()))
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if err == nil && !bytes.Contains(stat, []byte(") T ")) {
				return errors.New("a thread of the guard still runs")
			}
		}
		return err
	}))
	return postGood(t, s, overTLS())
}

func killGuard(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	s.Extproc.Kill()
	return postGood(t, s, overTLS())
}

// closeCleanly puts a fake in the guard's place and waits until Envoy has seen
// that there is a guard again.
func closeCleanly(t *testing.T, s *harness.Stack) harness.Response {
	t.Helper()
	socket := filepath.Join(filepath.Dir(s.AccessLogFile()), "guard.sock")
	require.NoError(t, os.RemoveAll(socket))
	guard, err := harness.NewBrokenGuard(t.Context(), socket, harness.ClosesCleanly)
	require.NoError(t, err)
	t.Cleanup(guard.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got harness.Response
	client := rig.NewClient(t, false)
	require.NoError(t, harness.Until(ctx, func(ctx context.Context) error {
		var err error
		if got, err = client.Post(ctx, s.URL, overTLS(), request("1")); err != nil {
			return err
		}
		if bytes.Contains(got.Body, []byte(`"guard-unavailable"`)) {
			return errors.New("there is no guard yet")
		}
		return nil
	}))
	require.Positive(t, guard.Streams(), "no request has reached the fake")
	return got
}
