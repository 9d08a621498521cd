package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// send sends a library's request.
func send(t *testing.T, rt http.RoundTripper, method, url string, change ...func(*http.Request)) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for _, f := range change {
		f(req)
	}
	return rt.RoundTrip(req)
}

// TestLibrary: what a library sends is the caller's, whatever it says itself.
func TestLibrary(t *testing.T) {
	h := newHostile(t, plain)
	rt := clientOf(t, h).RoundTripper(within(t, 5*time.Second))
	var given *http.Request
	resp, err := send(t, rt, http.MethodGet, h.URL+"/version", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer mallory-token")
		r.Header.Set("User-Agent", "kubectl")
		r.Header.Set("Accept-Encoding", "gzip")
		given = r
	})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.JSONEq(t, `{"gitVersion":"v1.37.2"}`, string(body))
	sent := h.last(t)
	require.Equal(t, []string{"Bearer alice-token"}, sent.Header.Values("Authorization"))
	require.Equal(t, agent(decision), sent.Header.Get("User-Agent"))
	require.Empty(t, sent.Header.Values("Accept-Encoding"))
	require.Equal(t, "Bearer mallory-token", given.Header.Get("Authorization"), "the request is its owner's")
}

// TestLibraryIsBounded in requests, and ends with the call or with its own.
func TestLibraryIsBounded(t *testing.T) {
	h := newHostile(t, plain)
	rt := clientOf(t, h).RoundTripper(within(t, 5*time.Second))
	for range maxRequests {
		resp, err := send(t, rt, http.MethodGet, h.URL+"/version")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	_, err := send(t, rt, http.MethodGet, h.URL+"/version")
	require.Equal(t, TooLarge, trouble(t, err))
	require.Len(t, h.paths(), maxRequests)

	begun := make(chan struct{}, 2)
	slow := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	})
	client := clientOf(t, slow)
	own, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	_, err = send(t, client.RoundTripper(within(t, 5*time.Second)), http.MethodGet, slow.URL+"/version", func(r *http.Request) { *r = *r.WithContext(own) })
	require.Equal(t, Canceled, trouble(t, err))
	_, err = send(t, client.RoundTripper(within(t, time.Second)), http.MethodGet, slow.URL+"/version")
	require.Equal(t, Deadline, trouble(t, err))
	require.Eventually(t, func() bool { return client.entry.guard.underway() == 0 }, 5*time.Second, time.Millisecond)
}

// TestLibraryIsHeld to what a call may hold of objects, and to the turns of large
// answers.
func TestLibraryIsHeld(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"a":[`+strings.Repeat(`{"a":1},`, 40_000)+`1]}`)
	})
	client := clientOf(t, h)
	rt := client.RoundTripper(within(t, 5*time.Second))
	read, err := 0, error(nil)
	for ; read < 20 && err == nil; read++ {
		_, err = send(t, rt, http.MethodGet, h.URL+"/version")
	}
	require.Equal(t, TooLarge, trouble(t, err))
	require.Equal(t, 2, read, "40 000 maps take more than half of what a call may hold")

	for range largeEach {
		give, err := client.entry.large.take(t.Context(), client.entry.target)
		require.NoError(t, err)
		defer give()
	}
	_, err = send(t, client.RoundTripper(within(t, time.Second)), http.MethodGet, h.URL+"/version")
	require.Equal(t, Deadline, trouble(t, err), "there is no turn left")
}

// TestLibraryGetsJSON, text and failures of any kind; nothing that needs another
// decoder.
func TestLibraryGetsJSON(t *testing.T) {
	for kind, want := range map[string]Trouble{
		"application/json": 0, "application/json; charset=utf-8": 0, "text/plain": 0, "": 0,
		"application/vnd.kubernetes.protobuf": Garbled, "application/cbor": Garbled, "application/yaml": Garbled, "text/html": Garbled,
	} {
		for _, status := range []int{http.StatusOK, http.StatusNotFound} {
			h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{kind}
				w.WriteHeader(status)
			})
			resp, err := send(t, clientOf(t, h).RoundTripper(within(t, 5*time.Second)), http.MethodGet, h.URL+"/version")
			if status != http.StatusOK {
				want = 0
			}
			require.Equal(t, want, trouble(t, err), "%q %d", kind, status)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
		}
	}
}

// TestLibraryOfAReader only reads; one of a writer writes.
func TestLibraryOfAReader(t *testing.T) {
	h := newHostile(t, plain)
	pod := h.URL + "/api/v1/namespaces/team-a/pods/a"
	ctx := within(t, 5*time.Second)
	_, err := send(t, clientOf(t, h, mayWrite).RoundTripper(ctx), http.MethodDelete, pod)
	require.Equal(t, ReadOnly, trouble(t, err))
	require.Empty(t, h.paths())
	resp, err := send(t, clientOf(t, h, mayWrite).Writing().RoundTripper(ctx), http.MethodDelete, pod)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// TestLibraryHoldsNothing: no printing and no reflection finds a credential, or
// a way around the guard.
func TestLibraryHoldsNothing(t *testing.T) {
	rt := clientOf(t, newHostile(t, plain)).RoundTripper(within(t, 5*time.Second))
	require.Equal(t, reflect.Func, reflect.TypeOf(rt).Kind())
	for _, form := range []string{"%v", "%+v", "%#v", "%x"} {
		require.NotContains(t, fmt.Sprintf(form, rt), "alice")
	}
	_, unwraps := rt.(interface{ WrappedRoundTripper() http.RoundTripper })
	require.False(t, unwraps)
}

// TestLibraryErrors carry no token that a server echoed.
func TestLibraryErrors(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://"+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+".example.com")
		w.WriteHeader(http.StatusFound)
	})
	_, err := send(t, clientOf(t, h).RoundTripper(within(t, 5*time.Second)), http.MethodGet, h.URL+"/version")
	require.Equal(t, Redirected, trouble(t, err))
	require.NotContains(t, err.Error(), "alice-token")
}
