package server

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scrape starts the admin listener of a backend that runs and reads /metrics.
func (w *world) scrape(t *testing.T) (url string, series func(name string) string) {
	t.Helper()
	w.options.Admin = "127.0.0.1:0"
	page, err := w.startAdmin(t.Context())
	require.NoError(t, err)
	t.Cleanup(page.Close)
	url = "http://" + page.Address()
	client := bare(t, false) // one, since the listener bounds its connections
	return url, func(name string) string {
		status, body := fetch(t, client, url+"/metrics")
		require.Equal(t, http.StatusOK, status)
		for line := range strings.Lines(body) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
}

// TestMetrics: what is loaded, since when, and how reading it goes.
func TestMetrics(t *testing.T) {
	api := newBrokenAPI(t)
	s := newSecured(t, api)
	_, series := s.scrape(t)
	require.Equal(t, "1", series(`kube_backend_policy_info{digest="`+s.policy.Current().Digest+`"}`))
	require.Equal(t, "1", series(`kube_backend_key_info{key_id="`+s.signer.KeyID(time.Now())+`"}`))
	require.Equal(t, "0", series("kube_backend_insecure_listen"))
	require.Equal(t, "1", series("kube_backend_ready"))
	require.NotEmpty(t, series("go_goroutines"))
	require.NotEmpty(t, series("process_start_time_seconds"))
	require.NotEmpty(t, series("kube_backend_tls_not_after_timestamp_seconds"))
	require.Equal(t, "0", series("kube_backend_tls_refused_total"))
	for _, file := range []string{"policy", "keys", "tls"} {
		require.Equal(t, "0", series(`kube_backend_reloads_total{file="`+file+`",result="success"}`), file)
		require.Equal(t, "0", series(`kube_backend_reloads_total{file="`+file+`",result="failure"}`), file)
		require.Equal(t, "1", series(`kube_backend_last_reload_successful{file="`+file+`"}`), file)
		require.NotEmpty(t, series(`kube_backend_loaded_timestamp_seconds{file="`+file+`"}`), file)
	}

	for file, path := range map[string]string{"policy": s.options.PolicyFile, "keys": s.keysAt, "tls": s.files.ClientCA} {
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
		s.look(time.Now())
		require.Equal(t, "1", series(`kube_backend_reloads_total{file="`+file+`",result="failure"}`), file)
		require.Equal(t, "0", series(`kube_backend_last_reload_successful{file="`+file+`"}`), file)
		require.NoError(t, os.WriteFile(path, good, 0o600))
		s.look(time.Now())
		require.Equal(t, "1", series(`kube_backend_last_reload_successful{file="`+file+`"}`), file)
		require.Equal(t, "0", series(`kube_backend_reloads_total{file="`+file+`",result="success"}`), file)
	}
	s.renew(t)
	at := time.Unix(2_000_000_000, 0)
	s.rewriteAt(t, policyFor(nil), at)
	require.Equal(t, "2e+09", series(`kube_backend_loaded_timestamp_seconds{file="policy"}`))
	require.Equal(t, "1", series(`kube_backend_reloads_total{file="policy",result="success"}`))
	require.Equal(t, "1", series(`kube_backend_policy_info{digest="`+s.policy.Current().Digest+`"}`))

	_, _, err := s.whoami(t, s.envoy(t, "other.example.com", true), api.headers("alice-token"))
	require.Error(t, err)
	require.Equal(t, "1", series("kube_backend_tls_refused_total"))
}

// TestMetricsOfAPlainPort leave out what there is not, and show what is open.
func TestMetricsOfAPlainPort(t *testing.T) {
	w := newWorld(t, nil, func(o *setup) { o.InsecureListen = true; o.Version, o.Revision = "v1.2.3", "abc" })
	url, series := w.scrape(t)
	require.Equal(t, "1", series("kube_backend_insecure_listen"))
	require.Empty(t, series("kube_backend_tls_refused_total"))
	require.Empty(t, series("kube_backend_tls_not_after_timestamp_seconds"))
	_, body := fetch(t, bare(t, false), url+"/metrics")
	require.Regexp(t, `kube_backend_build_info\{go_version="go[^"]+",revision="abc",version="v1.2.3"\} 1`, body)

	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ := fetch(t, bare(t, false), url+path)
		require.Equal(t, http.StatusOK, status, path)
	}
	w.handler.draining.Store(true)
	status, _ := fetch(t, bare(t, false), url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = fetch(t, bare(t, false), url+"/healthz")
	require.Equal(t, http.StatusOK, status, "it is alive")
	require.Equal(t, "0", series("kube_backend_ready"))
	status, _ = fetch(t, bare(t, false), url+"/status")
	require.Equal(t, http.StatusNotFound, status)
}
