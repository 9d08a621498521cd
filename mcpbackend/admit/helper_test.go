package admit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/prooftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token    = "alice-canary-token"
	decision = "0f5c2f6e-6d3b-4c55-9a39-0a4d6f1f3a55"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func noonNow() time.Time { return noon }

// edge makes what the guard would send on.
type edge struct {
	signer   *proof.Signer
	verifier *proof.Verifier
	policy   *kubeheader.Policy
	ca       string
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	hosts, err := hostpolicy.New(hostpolicy.Config{Hosts: []string{"api.example.com"}})
	require.NoError(t, err)

	e := &edge{policy: &kubeheader.Policy{Hosts: hosts, AllowToken: true, CredentialsOptional: true}, ca: authority(t)}
	e.signer, e.verifier = prooftest.NewPair(t, e.policy)
	return e
}

func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// seal sets the headers of a token call, or of an anonymous one, on a request.
func (e *edge) seal(t *testing.T, header http.Header, anonymous bool) {
	t.Helper()
	var fields []kubeheader.Field
	if !anonymous {
		for name, value := range map[string]string{
			kubeheader.Server: "https://api.example.com", kubeheader.CertificateAuthority: e.ca,
			kubeheader.Authorization: "Bearer " + token, kubeheader.Namespace: "team-a",
		} {
			fields = append(fields, prooftest.Field(name, value))
		}
	}
	sealed, err := prooftest.Seal(e.signer, e.policy, noon, fields...)
	require.NoError(t, err)
	for _, f := range sealed {
		header.Set(f.Name, string(f.Value.Reveal()))
	}
	header.Set(requestID, decision)
}

// room is what stands behind the door: it keeps what reached it.
type room struct {
	mu      sync.Mutex
	callers []Caller
	headers []http.Header
}

func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	caller, ok := FromContext(req.Context())
	if !ok {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	r.callers = append(r.callers, caller)
	r.headers = append(r.headers, req.Header.Clone())
	w.WriteHeader(http.StatusNoContent)
}

// house is a door with a room behind it and its log.
type house struct {
	*edge

	room    *room
	log     *bytes.Buffer
	handler http.Handler
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{edge: newEdge(t), room: &room{}, log: &bytes.Buffer{}}
	h.handler = New(Config{
		Verifier: h.verifier,
		Log:      h.logger(),
		Now:      noonNow,
	})(h.room)
	return h
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
