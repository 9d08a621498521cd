package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// form is bytes in which two readers may see different requests.
type form struct {
	name string
	// head are header lines after Host and alice's; body is what comes after the
	// empty line. SECRET stands for a whole second request, one that names
	// another server and brings a proof of its own making.
	head, body string
	// more is how many requests of the form may be served: those that it openly
	// makes. Nothing hidden may.
	more int
}

// inner is what a form hides.
const inner = "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\nX-Smuggled: yes\r\n" +
	"Kubernetes-Server: https://127.0.0.1:1\r\nKubernetes-Authorization: Bearer smuggled\r\n" +
	"Signature-Input: kube=()\r\nSignature: kube=:AAAA:\r\nX-Kubernetes-Fingerprint: x\r\nContent-Length: 2\r\n\r\n{}"

func forms() []form {
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(ping), ping)
	return []form{
		{"a length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked + inner, 1},
		{"chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 400\r\n", "0\r\n\r\n" + inner, 1},
		{"a coding that is no word", "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n", "1234" + inner, 1},
		{"a space before the colon", "Content-Length: 4\r\nTransfer-Encoding : chunked\r\n", "1234" + inner, 1},
		{"a tab before the coding", "Content-Length: 4\r\nTransfer-Encoding:\tchunked\r\n", chunked + inner, 1},
		{"a line folded before the coding", "Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n", chunked + inner, 1},
		{"two codings", "Transfer-Encoding: chunked, identity\r\nContent-Length: 4\r\n", chunked + inner, 1},
		{"the coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked + inner, 1},
		{"the coding in two letters' case", "Transfer-Encoding: cHuNkEd\r\nContent-Length: 4\r\n", chunked + inner, 1},
		{"a vertical tab in the coding", "Content-Length: 4\r\nTransfer-Encoding: \x0bchunked\r\n", "1234" + inner, 1},
		{"two lengths", "Content-Length: 4\r\nContent-Length: 400\r\n", "1234" + inner, 1},
		{"one length twice", "Content-Length: 4\r\nContent-Length: 4\r\n", "1234" + inner, 1},
		{"a list of lengths", "Content-Length: 4, 4\r\n", "1234" + inner, 1},
		{"a length with a sign", "Content-Length: +4\r\n", "1234" + inner, 1},
		{"a length below nothing", "Content-Length: -1\r\n", inner, 1},
		{"a length in hexadecimal", "Content-Length: 0x4\r\n", "1234" + inner, 1},
		{"a length of many digits", "Content-Length: 18446744073709551620\r\n", "1234" + inner, 1},
		{"a space in the length", "Content-Length: 4 0\r\n", "1234" + inner, 1},
		{"a chunk size with a sign", "Transfer-Encoding: chunked\r\n", "+4\r\n1234\r\n0\r\n\r\n" + inner, 1},
		{"a chunk size with a prefix", "Transfer-Encoding: chunked\r\n", "0x4\r\n1234\r\n0\r\n\r\n" + inner, 1},
		{"a chunk size that wraps", "Transfer-Encoding: chunked\r\n", "10000000000000004\r\n1234\r\n0\r\n\r\n" + inner, 1},
		{"an extension with a line in it", "Transfer-Encoding: chunked\r\n", "4;a=\"\n\"\r\n1234\r\n0\r\n\r\n" + inner, 1},
		{"a chunk that ends early", "Transfer-Encoding: chunked\r\n", "2\r\n1234\r\n0\r\n\r\n" + inner, 1},
		{"chunks that end in line feeds", "Transfer-Encoding: chunked\r\n", "4\n1234\n0\n\n" + inner, 1},
		{"a trailer of our name", "Transfer-Encoding: chunked\r\n", "0\r\nKubernetes-Server: https://127.0.0.1:1\r\nSignature: x\r\n\r\n", 1},
		{"a value of two lines", "Kubernetes-Namespace: team-a\r\n Kubernetes-Toolsets: x\r\nContent-Length: 0\r\n", "", 1},
		{"a space before our colon", "Kubernetes-Namespace : team-b\r\nContent-Length: 0\r\n", "", 1},
		{"a name with a NUL", "Kubernetes-Name\x00space: team-b\r\nContent-Length: 0\r\n", "", 1},
		{"a value with a NUL", "Kubernetes-Namespace: team\x00-b\r\nContent-Length: 0\r\n", "", 1},
		{"a carriage return alone", "X-A: b\rKubernetes-Namespace: team-b\r\nContent-Length: 0\r\n", "", 1},
		{"line feeds alone", "X-A: b\nKubernetes-Namespace: team-b\nContent-Length: 0\r\n", "", 1},
		{"our header named in Connection", "Connection: kubernetes-authorization, signature, keep-alive\r\nContent-Length: 0\r\n", "", 1},
		{"an upgrade to HTTP/2", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 0\r\n", inner, 1},
		{"an upgrade that is not waited for", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nContent-Length: 0\r\n", inner, 1},
		{"a body that was to be asked for", "Expect: 100-continue\r\nContent-Length: 4\r\n", "1234" + inner, 1},
		{"an expectation of two", "Expect: 100-continue, x\r\nContent-Length: 4\r\n", "1234" + inner, 1},
		{"a second host", "Host: other.example.com\r\nContent-Length: 0\r\n", inner, 1},
		{"nothing between two", "Content-Length: 0\r\n", inner, 1},
		{"a proof of its own", "Signature: kube=:AAAA:\r\nSignature-Input: kube=()\r\nsignature_input: x\r\nX-Kubernetes-Fingerprint: x\r\nContent-Length: 0\r\n", "", 1},
	}
}

// TestSmuggling: whatever reaches the backend is exactly what the guard checked,
// and no request reaches it that the guard was not asked about.
func TestSmuggling(t *testing.T) {
	backend := harness.NewOpenBackend()
	t.Cleanup(backend.Stop)
	s := world.StartStack(t, harness.Options{Backend: backend.Address})
	check := newChecker(t, s)
	served := 0
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			before := len(backend.Calls())
			statuses := speak(t, address(t, s), f.text())
			// What is still on its way shows before this answer does.
			_, err := rig.NewClient(t, false).Post(t.Context(), s.URL, world.Cluster.Token("bob"), ping)
			require.NoError(t, err)
			calls := backend.Calls()[before:]
			t.Logf("answers: %v, served: %d", statuses, len(calls)-1)
			require.LessOrEqual(t, len(calls)-1, f.more, "more requests than were made")
			for _, call := range calls {
				check.sound(t, call)
			}
			served += len(calls) - 1
		})
	}
	require.Positive(t, served, "not one form was served: they are all refused before anything is looked at")
}

// text is the form as it is sent.
func (f form) text() string {
	var b strings.Builder
	b.WriteString("POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n")
	for _, h := range world.Cluster.Token("alice") {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	return b.String() + f.head + "\r\n" + f.body
}

// goodbye is a request after which the connection is closed, if it is understood
// as one.
const goodbye = "GET /healthz HTTP/1.1\r\nHost: mcp.example.com\r\nConnection: close\r\n\r\n"

// speak sends bytes and a goodbye, and reads until an answer says that it is the
// last. It returns the statuses of the answers. Who takes the goodbye for part of
// a body waits for more, and is waited for no longer than a moment.
func speak(tb testing.TB, address, text string) []int {
	tb.Helper()
	c, err := dial(tb.Context(), address)
	require.NoError(tb, err)
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, text+goodbye) // the other side may hang up before it has read all
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	var statuses []int
	for r := bufio.NewReader(c); ; {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if statuses = append(statuses, res.StatusCode); err != nil || res.Close {
			return statuses
		}
	}
}

// checker opens proofs as the backend does.
type checker struct{ verifier *proof.Verifier }

func newChecker(tb testing.TB, s *harness.Stack) *checker {
	tb.Helper()
	rules, err := policy.Parse([]byte(world.Policy))
	require.NoError(tb, err)
	keys, err := proof.LoadKeySet(s.KeysFile())
	require.NoError(tb, err)
	verifier, err := proof.NewVerifier(keys, rig.Audience, func() *kubeheader.Policy { return &rules.Header }, proof.Limits{})
	require.NoError(tb, err)
	tb.Cleanup(verifier.Close)
	return &checker{verifier}
}

// sound sees that a request carries what the guard signed, all of it and no more,
// and is none that a form hid.
func (c *checker) sound(tb testing.TB, call harness.Headers) {
	tb.Helper()
	require.Empty(tb, call.Get("X-Smuggled"), "a hidden request was served")
	require.NoError(tb, c.open(call), "a request was served that the guard did not check as it is")
}

func (c *checker) open(call harness.Headers) error {
	var fields []kubeheader.Field
	for _, h := range call {
		name := strings.ToLower(h.Name)
		if kubeheader.Claims(name) || name == kubeheader.Fingerprint || name == kubeheader.Signature || name == kubeheader.SignatureInput {
			fields = append(fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(h.Value))})
		}
	}
	_, err := c.verifier.Open(fields, time.Now())
	return err
}

// TestSmugglingIsSeen: the checker does tell a request that nobody signed, and
// one that was changed after it was.
func TestSmugglingIsSeen(t *testing.T) {
	backend := harness.NewOpenBackend()
	t.Cleanup(backend.Stop)
	s := world.StartStack(t, harness.Options{Backend: backend.Address})
	check := newChecker(t, s)
	speak(t, backend.Address, inner) // no Envoy between
	_, err := rig.NewClient(t, false).Post(t.Context(), s.URL, world.Cluster.Token("alice"), ping)
	require.NoError(t, err)
	calls := backend.Calls()
	require.Len(t, calls, 2)
	require.NotEmpty(t, calls[0].Get("X-Smuggled"))
	require.Error(t, check.open(calls[0]))
	require.NoError(t, check.open(calls[1]))
	require.Error(t, check.open(calls[1].With(kubeheader.Server, "https://127.0.0.1:1")))
	require.Error(t, check.open(calls[1].Without(kubeheader.CertificateAuthority)))
	require.Error(t, check.open(calls[1].Plus(kubeheader.Namespace, "team-b")))
}
