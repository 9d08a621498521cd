package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// markHeader tells the witness which kind of caller sent a request. The guard is
// not shown it, and the backend does not read it.
const markHeader = "X-Test-Class"

// witness is a fake: a backend that asks for no proof and serves everybody. It
// acts on all that reaches it, and counts what it acted on: with the guard's word
// that the headers were checked, without it, and for callers whose headers are
// bad.
type witness struct {
	address  string
	server   *httptest.Server
	verifier *proof.Verifier

	mu   sync.Mutex
	seen seen
}

// seen is what a witness has counted.
type seen struct{ checked, unchecked, bad int }

func (s seen) minus(o seen) seen {
	return seen{s.checked - o.checked, s.unchecked - o.unchecked, s.bad - o.bad}
}

// newWitness starts one that knows the guard's public keys.
func newWitness(t *testing.T, keySet string, rules *kubeheader.Policy) *witness {
	t.Helper()
	keys, err := proof.LoadKeySet(keySet)
	require.NoError(t, err)
	w := new(witness)
	w.verifier, err = proof.NewVerifier(keys, rig.Audience, func() *kubeheader.Policy { return rules }, proof.Limits{})
	require.NoError(t, err)
	w.server = httptest.NewServer(w)
	w.address = strings.TrimPrefix(w.server.URL, "http://")
	t.Cleanup(func() {
		w.server.Close()
		w.verifier.Close()
	})
	return w
}

// ServeHTTP acts on everything.
func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return // 200: Envoy asks
	}
	var fields []kubeheader.Field
	for name, lines := range r.Header {
		if !proof.Relevant(name) {
			continue
		}
		for _, line := range lines {
			fields = append(fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(line))})
		}
	}
	_, err := w.verifier.Open(fields, time.Now())
	w.note(err, r.Header.Get(markHeader))
	var message struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&message) // none of a GET
	if message.ID == nil {
		message.ID = json.RawMessage("null")
	}
	out.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"username":%q}}}`, message.ID, witnessed)
}

// witnessed is the name that the witness gives everybody.
const witnessed = "whoever you say"

// note counts. A proof that is too old or too new is the guard's word all the
// same: the witness asks whether the headers were checked, not when.
func (w *witness) note(err error, mark string) {
	late := false
	if problem, ok := errors.AsType[*proof.Error](err); ok {
		late = problem.Reason == kubeheader.ReasonProofExpired
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || late {
		w.seen.checked++
	} else {
		w.seen.unchecked++
	}
	if mark == string(bad) {
		w.seen.bad++
	}
}

// count is what it has counted so far.
func (w *witness) count() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}
