package faults

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// slowServer is a fake: an API server that answers whoami's questions when it is
// told to, and takes everybody for the one whose name ends his token.
type slowServer struct {
	*httptest.Server

	held     atomic.Int64 // questions that wait
	mu       sync.Mutex
	released chan struct{}
}

func newSlowServer(t *testing.T) *slowServer {
	t.Helper()
	s := &slowServer{released: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(func() {
		s.release()
		s.Close()
	})
	return s
}

// ServeHTTP answers late.
func (s *slowServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		_, _ = io.WriteString(w, `{"gitVersion":"v1.37.2"}`)
		return
	}
	s.mu.Lock()
	released := s.released
	s.mu.Unlock()
	s.held.Add(1)
	defer s.held.Add(-1)
	select {
	case <-released:
	case <-r.Context().Done():
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":%q}}}`,
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+tokenOf))
}

// release answers everything that waits.
func (s *slowServer) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

// tokenOf begins a token. A name that was a token would be hidden as one.
const tokenOf = "token-of-"

// caller is somebody who names this server.
func (s *slowServer) caller(user string) caller {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return caller{class: token, user: user, headers: harness.Headers{
		{Name: kubeheader.Server, Value: s.URL},
		{Name: kubeheader.CertificateAuthority, Value: base64.StdEncoding.EncodeToString(ca)},
		{Name: kubeheader.Authorization, Value: "Bearer " + tokenOf + user},
	}}
}

// slowCalls are what the backend carries of two callers at a time.
const slowCalls = 32

// slowCallRow: calls that the guard has let through wait for the API server when
// the guard is killed. It has done its part; they have to end well.
func slowCallRow(envoy string, server func() *slowServer) row {
	return row{
		name:     "kill -9 of the guard during slow tool calls, " + envoy + " Envoy",
		expected: fmt.Sprintf("the %d calls under way end well, new ones get 503 until it is back", slowCalls),
		strike: func(s *scene) time.Time {
			slow := server()
			var all sync.WaitGroup
			callers := []caller{slow.caller("carol"), slow.caller("dave")}
			clients := []*harness.Client{harness.NewClient(false), harness.NewClient(true)}
			for i := range slowCalls {
				number, ok := s.flow.begin()
				require.True(s.t, ok)
				all.Go(func() {
					s.flow.call(context.WithoutCancel(s.t.Context()), calls{url: s.real.URL}, callers[i%2], clients[i/2%2], number)
				})
			}
			require.NoError(s.t, harness.Until(soon(s.t), func(context.Context) error {
				if n := slow.held.Load(); n != slowCalls {
					return fmt.Errorf("%d of %d calls wait for the API server", n, slowCalls)
				}
				return nil
			}))
			s.guard.Kill()
			s.failures(many)
			require.EqualValues(s.t, slowCalls, slow.held.Load(), "calls under way were cut off when the guard died")
			slow.release()
			all.Wait()
			for _, c := range clients {
				c.Close()
			}
			s.flow.mu.Lock()
			served := s.flow.served["carol"] + s.flow.served["dave"]
			s.flow.mu.Unlock()
			require.Equal(s.t, slowCalls, served, "calls that were accepted before the guard died did not end well: %v", s.flow.wrong)
			s.startGuard(s.t, false)
			return time.Now()
		},
	}
}
