package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

// lintCommands are those of the scripts that lint.
func lintCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		// render FILE writes the bootstrap as it is shipped.
		"render": func(ts *testscript.TestScript, _ bool, args []string) {
			config, err := envoy.Render(envoy.Default())
			ts.Check(err)
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), config, 0o600))
		},
		// edit FILE OLD NEW replaces one text, which has to be there.
		"edit": func(ts *testscript.TestScript, _ bool, args []string) {
			text := ts.ReadFile(args[0])
			if !strings.Contains(text, args[1]) {
				ts.Fatalf("%s does not hold %s", args[0], args[1])
			}
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
		},
		// admin FILE answers like an Envoy that runs with that dump and lets
		// nothing but /config_dump through. ADMIN is its URL, SOCKET a Unix socket.
		"admin": func(ts *testscript.TestScript, _ bool, args []string) {
			dump := []byte(ts.ReadFile(args[0]))
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RequestURI() != "/config_dump" {
					http.Error(w, "not allowed", http.StatusForbidden)
					return
				}
				_, _ = w.Write(dump)
			})
			server := httptest.NewServer(handler)
			socket := ts.MkAbs("admin.sock")
			listener, err := new(net.ListenConfig).Listen(context.Background(), "unix", socket)
			ts.Check(err)
			other := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}}
			other.Start()
			ts.Defer(func() { server.Close(); other.Close() })
			ts.Setenv("ADMIN", server.URL)
			ts.Setenv("SOCKET", socket)
		},
	}
}

// TestFetchIsBounded: an admin interface that does not end, in any sense.
func TestFetchIsBounded(t *testing.T) {
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := fetchDump(ctx, silent.URL, "")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	_, err = fetchDump(t.Context(), endless.URL, "")
	require.ErrorContains(t, err, "larger than 128 MiB")
}

// TestFetchGoesNowhereElse: neither a redirect nor a proxy leads away, and what
// lies beyond loopback has to be named.
func TestFetchGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody came") }))
	defer elsewhere.Close()
	redirects := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/config_dump", http.StatusFound))
	defer redirects.Close()
	t.Setenv("HTTP_PROXY", elsewhere.URL)

	_, err := fetchDump(t.Context(), redirects.URL, "")
	require.ErrorContains(t, err, "302")
	for _, far := range []string{"http://192.0.2.1:9901", "http://[2001:db8::1]:9901"} {
		_, err = fetchDump(t.Context(), far, "")
		require.ErrorContains(t, err, "beyond loopback", far)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = fetchDump(ctx, "http://192.0.2.1:9901", "192.0.2.1")
	require.ErrorIs(t, err, context.Canceled, "named, it is not refused")
	_, err = fetchDump(t.Context(), "http://192.0.2.1:9901", "192.0.2.2")
	require.ErrorContains(t, err, "differ")
	for _, wrong := range []string{"", "127.0.0.1:9901", "https://127.0.0.1:9901", "http://a:b@127.0.0.1:9901", "http://127.0.0.1:9901/stats", "http://127.0.0.1:9901/?x", "http://127.0.0.1:9901/#x"} {
		_, err = fetchDump(t.Context(), wrong, "")
		require.ErrorContains(t, err, "--admin wants", wrong)
	}
}

func TestFileIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "big.json")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, errors.Join(f.Truncate(maxConfig+1), f.Close()))
	_, _, err = (&lintCommand{File: file}).read(t.Context(), &program{})
	require.ErrorContains(t, err, "larger than 128 MiB")
}
