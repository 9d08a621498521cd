package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// exchangeRaw sends bytes as they are, which net/http would not, and reads the
// answer to them.
func exchangeRaw(ctx context.Context, address, text string) (harness.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return harness.Response{}, err
	}
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return harness.Response{}, err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return harness.Response{}, err
	}
	if _, err := io.WriteString(connection, text); err != nil {
		return harness.Response{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return harness.Response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return harness.Response{Status: res.StatusCode, Header: res.Header, Body: body}, err
}

func postRaw(t *testing.T, address, text string) harness.Response {
	t.Helper()
	got, err := exchangeRaw(t.Context(), address, text)
	require.NoError(t, err)
	return got
}

// rawRequest is a good request with one more line in its head.
func rawRequest(extra string) string {
	var head strings.Builder
	head.WriteString("POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
	for _, h := range shared.Cluster.Token("alice") {
		head.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	body := request("1")
	return fmt.Sprintf("%s%s\r\nContent-Length: %d\r\n\r\n%s", head.String(), extra, len(body), body)
}

// TestReasonsOfRawBytes: what is no HTTP Envoy refuses itself; what is, however
// odd, reaches the guard and gets its sentence and the id.
func TestReasonsOfRawBytes(t *testing.T) {
	for _, c := range []struct{ name, line, code, header string }{
		{"control byte", "kubernetes-namespace: canary\x01", "bad-request", ""},
		{"NUL", "kubernetes-namespace: canary\x00", "bad-request", ""},
		{"DEL", "kubernetes-namespace: canary\x7f", "bad-request", ""},
		{"no name", ": canary", "bad-request", ""},
		{"no colon", "kubernetes-namespace", "bad-request", ""},
		{"space in the name", "kubernetes namespace: canary", "bad-request", ""},
		{"space after the name", "kubernetes-namespace : canary", "bad-request", ""},
		{"name outside ASCII", "kubernetes-n\xe4mespace: canary", "bad-request", ""},
		{"Kelvin sign in the name", "\u212aubernetes-namespace: canary", "bad-request", ""},
		{"value outside ASCII", "kubernetes-namespace: canary\xe9", "invalid-bytes", kubeheader.Namespace},
		{"tab in the value", "kubernetes-namespace: canary\tbird", "invalid-bytes", kubeheader.Namespace},
		// Envoy joins what these separate, the first without a trace. The guard
		// judges what is left of them, which is what would be sent on.
		{"bare CR", "kubernetes-namespace: canary\rCanary", "namespace-malformed", kubeheader.Namespace},
		{"folded line", "kubernetes-namespace: canary\r\n bird", "namespace-malformed", kubeheader.Namespace},
		{"no value", "kubernetes-namespace:", "empty-value", kubeheader.Namespace},
		{"white space alone", "kubernetes-namespace: \t ", "empty-value", kubeheader.Namespace},
		{"capitals", "KUBERNETES-SERVER: canary", "duplicate-header", kubeheader.Server},
		{"the prefix alone", "kubernetes: canary", "unknown-header", kubeheader.AnyHeader},
		{"no dash", "KubernetesServer: canary", "unknown-header", kubeheader.AnyHeader},
		{"underscore after the prefix", "kubernetes_canary: canary", "unknown-header", kubeheader.AnyHeader},
		{"odd token characters", "kubernetes!#$%&'*+.^_`|~: canary", "unknown-header", kubeheader.AnyHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := postRaw(t, shared.Stack.URL, rawRequest(c.line))
			want := reasonAnswer{
				status: http.StatusOK, code: jsonrpc.InvalidParams, ids: []string{"1"},
				problems: []reasonProblem{{c.code, c.header, ""}},
			}
			if c.code == "bad-request" {
				want.status, want.code, want.ids, want.undecided = http.StatusBadRequest, jsonrpc.InternalError, nil, true
			}
			want.check(t, got)
			checkSilence(t, shared.Cluster.Token("alice"), got)
		})
	}
}
