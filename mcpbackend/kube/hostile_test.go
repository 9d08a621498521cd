package kube

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// visit makes one call to a hostile server with a caller's token.
func visit(t *testing.T, h *hostile, patience time.Duration) error {
	t.Helper()
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, h.headers("CANARY-token")...), decision)
	require.NoError(t, err)
	_, err = client.Get(within(t, patience), Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}, "team-a", "a")
	return err
}

// TestRedirectLeaksNothing sends every kind of redirect to a second server that
// would be glad to see the token: client-go would add it there.
func TestRedirectLeaksNothing(t *testing.T) {
	thief := newHostile(t, plain)
	for _, status := range []int{300, 301, 302, 303, 307, 308, 304, 399} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", thief.URL+"/api/v1/namespaces/team-a/pods/a")
			w.WriteHeader(status)
		})
		require.Equal(t, Redirected, trouble(t, visit(t, h, 5*time.Second)), status)
		require.Len(t, h.paths(), 1)
	}
	require.Empty(t, thief.paths())
	require.Zero(t, thief.connections.Load())
}

// TestRedirectToItself is refused as well: it would be a second request.
func TestRedirectToItself(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/version", http.StatusFound) })
	require.Equal(t, Redirected, trouble(t, visit(t, h, 5*time.Second)))
	require.Len(t, h.paths(), 1)
}

// TestGzipBomb sends 100 MiB of zeros in 100 KB, asked for or not.
func TestGzipBomb(t *testing.T) {
	var mega bytes.Buffer
	z := gzip.NewWriter(&mega)
	_, _ = z.Write(make([]byte, 1<<20))
	require.NoError(t, z.Close())
	bomb := bytes.Repeat(mega.Bytes(), 100) // members one after the other are one stream
	unpacked, err := gzip.NewReader(bytes.NewReader(bomb))
	require.NoError(t, err)
	size, err := io.Copy(io.Discard, unpacked)
	require.NoError(t, err)
	require.EqualValues(t, 100<<20, size)
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Equal(t, Garbled, trouble(t, visit(t, h, 5*time.Second)))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
}

// TestBodyOverTheLimit comes with a length and without.
func TestBodyOverTheLimit(t *testing.T) {
	for name, chunked := range map[string]bool{"announced": false, "endless": true} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if !chunked {
					w.Header().Set("Content-Length", strconv.Itoa(maxBody+1))
				}
				block := bytes.Repeat([]byte(" "), 1<<20)
				for range 64 {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
			})
			require.Equal(t, TooLarge, trouble(t, visit(t, h, 10*time.Second)))
		})
	}
}

// TestBodyAtTheLimit is not over it.
func TestBodyAtTheLimit(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append([]byte(`{}`), bytes.Repeat([]byte(" "), maxBody-2)...))
	})
	require.NoError(t, visit(t, h, 10*time.Second))
}

// TestGiantHeaders are refused over both protocols: one of 10 MiB, and many
// that are over the limit together.
func TestGiantHeaders(t *testing.T) {
	one := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Giant", strings.Repeat("x", 10<<20)) }
	many := func(w http.ResponseWriter, _ *http.Request) {
		for i := range 64 {
			w.Header().Set(fmt.Sprint("X-Part-", i), strings.Repeat("x", 1<<10))
		}
	}
	for _, giant := range []http.HandlerFunc{one, many} {
		require.Equal(t, TooLarge, trouble(t, visit(t, newHostile(t, giant, http1), 5*time.Second)))
		// HTTP/2 ends the whole connection where the frame that is too much begins.
		require.Contains(t, []Trouble{TooLarge, Garbled}, trouble(t, visit(t, newHostile(t, giant), 5*time.Second)))
	}
}

// TestSlowAnswers end with the deadline of the call, wherever the server stops.
func TestSlowAnswers(t *testing.T) {
	for name, start := range map[string]string{"no headers": "", "half a body": `{"kind":`} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
				if start != "" {
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(start))
					w.(http.Flusher).Flush()
				}
				select {
				case <-stop:
				case <-r.Context().Done():
				}
			})
			defer close(stop)
			begin := time.Now()
			require.Equal(t, Deadline, trouble(t, visit(t, h, 300*time.Millisecond)))
			require.Less(t, time.Since(begin), 2*time.Second)
		})
	}
}

// TestRetryAfter is no reason to repeat: client-go would, ten times.
func TestRetryAfter(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "2147483647")
			refuse(w, status, "later", "")
		})
		require.Equal(t, Failed, trouble(t, visit(t, h, 5*time.Second)))
		require.Len(t, h.paths(), 1)
	}
}

// TestHeadersThatSteer do not come through the guard.
func TestHeadersThatSteer(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Retry-After", "Warning", "Set-Cookie"} {
			w.Header().Add(name, "1")
			w.Header().Add(name, "2")
		}
		plain(w, r)
	})
	g := guardOf(t, h)
	req, err := http.NewRequestWithContext(within(t, 5*time.Second), http.MethodGet, h.URL+"/version", nil)
	require.NoError(t, err)
	resp, err := g.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	for _, name := range []string{"Retry-After", "Warning", "Set-Cookie"} {
		require.Empty(t, resp.Header.Values(name))
	}
}

func guardOf(t *testing.T, h *hostile) *guard {
	t.Helper()
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, h.headers("CANARY-token")...), decision)
	require.NoError(t, err)
	return client.entry.guard
}

// TestTokenGoesToNoOtherHost asks the caller's own client, token and all, for
// another host, another scheme and another Host header.
func TestTokenGoesToNoOtherHost(t *testing.T) {
	h, thief := newHostile(t, plain), newHostile(t, plain)
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, h.headers("CANARY-token")...), decision)
	require.NoError(t, err)
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.URL.Host = strings.TrimPrefix(thief.URL, "https://") },
		func(r *http.Request) { r.URL.Scheme = "http" },
		func(r *http.Request) { r.Host = "other.example.com" },
	} {
		req, err := http.NewRequestWithContext(within(t, 5*time.Second), http.MethodGet, h.URL+"/version", nil)
		require.NoError(t, err)
		change(req)
		resp, err := client.entry.client.Do(req)
		require.ErrorIs(t, err, errOtherHost)
		require.Nil(t, resp)
	}
	require.Empty(t, thief.paths())
	require.Empty(t, h.paths())
}

// TestDeadlineIsMandatory: a call that could last for ever is a mistake.
func TestDeadlineIsMandatory(t *testing.T) {
	h := newHostile(t, plain)
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, h.headers("CANARY-token")...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(context.Background())
	require.ErrorIs(t, err, errNoDeadline)
	require.Empty(t, h.paths())
}

// TestEchoedToken is taken out of what an error carries, even where the bound
// would cut it in two.
func TestEchoedToken(t *testing.T) {
	for _, before := range []int{0, maxDetail - 5} {
		h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			refuse(w, http.StatusForbidden, strings.Repeat("x", before)+token+strings.Repeat("y", 1000), "")
		})
		err := visit(t, h, 5*time.Second)
		require.Equal(t, Forbidden, trouble(t, err))
		require.NotContains(t, err.Error(), "CANARY")
		require.NotContains(t, err.Error(), "CANA")
		require.Less(t, len(err.Error()), maxDetail+100)
	}
}

// TestTokenTakenApart by characters that nobody sees, or that terminals obey, is
// no other token.
func TestTokenTakenApart(t *testing.T) {
	for _, between := range []string{"\u200b", "\x00", "\u202e", "\x1b[31m", "\u00ad", "\U000E0041"} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusForbidden, "x CANARY-"+between+"token y", "")
		})
		var e *Error
		require.ErrorAs(t, visit(t, h, 5*time.Second), &e)
		require.Equal(t, "x [redacted] y", e.Detail, "%q", between)
	}
}

// TestNotJSON covers answers of proxies and of nobody.
func TestNotJSON(t *testing.T) {
	for _, contentType := range []string{"text/html", "application/vnd.kubernetes.protobuf", "application/cbor", "application/yaml", ""} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			_, _ = w.Write([]byte(`{}`))
		})
		require.Equal(t, Garbled, trouble(t, visit(t, h, 5*time.Second)), contentType)
	}
	for _, body := range []string{"", "{", `[]`, `"x"`, strings.Repeat("[", maxDepth)} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		})
		require.Equal(t, Garbled, trouble(t, visit(t, h, 5*time.Second)))
	}
}

// TestProxyOfTheEnvironment is not used: it would see where callers go.
func TestProxyOfTheEnvironment(t *testing.T) {
	proxy := newHostile(t, plain)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	h := newHostile(t, plain)
	require.NoError(t, visit(t, h, 5*time.Second))
	require.Nil(t, guardOf(t, h).transport.Proxy, "httptest's loopback would be exempt anyway: look at the setting")
	require.Zero(t, proxy.connections.Load())
}

// TestSilentServersKeepNoConnection: whoever never answered to the credential
// is not waited for between two calls; whoever did is.
func TestSilentServersKeepNoConnection(t *testing.T) {
	for status, kept := range map[int]bool{
		http.StatusOK: true, http.StatusCreated: true, http.StatusForbidden: true, http.StatusBadRequest: false, http.StatusUnauthorized: false,
		http.StatusNotFound: false, http.StatusTooManyRequests: false, http.StatusInternalServerError: false,
	} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{}`))
		})
		client := clientOf(t, h)
		for range 2 {
			_, _ = client.Get(within(t, 5*time.Second), Kind{Version: "v1", Resource: "nodes"}, "", "a")
		}
		want := int64(2)
		if kept {
			want = 1
		}
		require.Equal(t, want, h.connections.Load(), status)
		if !kept {
			require.Eventually(t, func() bool { return h.closed.Load() == want }, 5*time.Second, time.Millisecond)
		}
	}
}
