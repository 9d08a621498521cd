package observe

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2030, 1, 15, 12, 0, 0, 0, time.UTC)

const (
	decision = "0e4f5b3c-9d1a-4c57-8a36-3f2b1c0d9e8f"
	digest   = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
	keyA     = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	keyB     = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
)

// full is a guard with everything turned on.
func full() Config {
	return Config{
		Build: Build{Version: "v1.2.3", Revision: "0123abc", Go: "go1.26.6"},
		Now:   func() time.Time { return now },
		Policy: func() Policy {
			return Policy{
				File: File{Loaded: now.Add(-time.Hour), Reloads: 3, Failures: 2, Failing: true}, Digest: digest, Warnings: []string{"no host is allowed"},
			}
		},
		Keys: func() Keys {
			return Keys{File: File{Loaded: now.Add(-time.Minute), Reloads: 1}, Keys: []Key{
				{ID: keyA}, {ID: keyB, ActivateAt: now.Add(-90 * time.Minute), Active: true},
			}}
		},
		TLS: func() TLS {
			return TLS{
				File:     File{Loaded: now.Add(-2 * time.Hour), Reloads: 4, Failures: 5},
				NotAfter: now.Add(36 * time.Hour), Refused: 6, LastRefusal: "dns:stranger.example.com",
			}
		},
		Cache:          sampleStats,
		Ready:          func() error { return errors.New("draining: the program was told to end") },
		InsecureListen: true,
		LogDropped:     func() uint64 { return 7 },
		SpansLost:      func() uint64 { return 8 },
	}
}

func observer(tb testing.TB, c Config) *Observer {
	tb.Helper()
	o, err := New(c)
	require.NoError(tb, err)
	return o
}

func allowed() stream.Event {
	return stream.Event{
		Decision: decision, Allowed: true, Credential: "token", Host: "api.example.com", Took: 5 * time.Microsecond, Cached: true, At: now,
	}
}

func rejected(r kubeheader.Reason) stream.Event {
	return stream.Event{
		Decision: decision, Reason: r, Header: r.Header(), Problems: 1, Host: "api.example.com", Took: 80 * time.Microsecond, At: now,
	}
}

// read asks a handler and returns the answer's header and body.
func read(tb testing.TB, h http.Handler) (http.Header, string) {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", nil))
	require.Equal(tb, http.StatusOK, w.Code)
	body, err := io.ReadAll(w.Body)
	require.NoError(tb, err)
	return w.Header(), string(body)
}

func page(tb testing.TB, o *Observer) (http.Header, string) {
	tb.Helper()
	h, err := o.StatusPage()
	require.NoError(tb, err)
	return read(tb, h)
}

func sampleStats() verdict.Stats {
	return verdict.Stats{
		Hits: 11, Misses: 22, Entries: 44, Bytes: 55,
		Evictions: verdict.Evictions{Expired: 31, Overflow: 32, Replaced: 33, Forgotten: 34},
	}
}
