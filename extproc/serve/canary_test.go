package serve

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

const canary = "c4nary-Tweety-0815"

// traces are the forms in which a value could stand in a log: raw, hex in both
// cases, and base64 in both alphabets at each of the three alignments, without
// the characters at the ends, which depend on what stands beside the value.
func traces(value string) []string {
	out := make([]string, 0, 9)
	out = append(out, value, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))))
	for offset := range 3 {
		padded := append(make([]byte, offset), value...)
		from, to := (offset*8+5)/6, len(padded)*8/6
		out = append(out, base64.RawStdEncoding.EncodeToString(padded)[from:to], base64.RawURLEncoding.EncodeToString(padded)[from:to])
	}
	return out
}

func TestTracesFindWhatTheyShould(t *testing.T) {
	for _, before := range []string{"", "a", "ab", "abc"} {
		text := before + canary + "z"
		for name, form := range map[string]string{
			"raw": text, "hex": hex.EncodeToString([]byte(text)),
			"base64": base64.StdEncoding.EncodeToString([]byte(text)), "base64url": base64.URLEncoding.EncodeToString([]byte(text)),
		} {
			found := false
			for _, trace := range traces(canary) {
				found = found || strings.Contains(form, trace)
			}
			require.True(t, found, "%s after %q", name, before)
		}
	}
}

// TestNoValueReachesALog runs the whole guard at debug level with a canary in
// every header and in the body, along every path that logs.
func TestNoValueReachesALog(t *testing.T) {
	r, socket := administered(t, func(g *guard) {
		rewrite(t, g.options.PolicyFile, policyYAML+"logs: {hosts: hashed}\n")
		g.files.policy.look(time.Now())
	})
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	poisoned := make([]*corev3.HeaderValue, 0, 32)
	poisoned = append(poisoned,
		line(":method", canary), line(":path", "/"+canary), line("x-forwarded-proto", canary), line("x-request-id", canary),
		line("mcp-protocol-version", canary), line("origin", canary), line("cookie", canary), line("authorization", canary),
		line("kubernetes_server", canary), line("kubernetes-unheard-of", canary),
	)
	for _, name := range kubeheader.Names() {
		poisoned = append(poisoned, line(name, canary), line(name, encoded))
	}
	good := post(line(kubeheader.Server, "https://"+strings.ToLower(canary)+".example.com"), line(kubeheader.CertificateAuthority, authority(t)),
		line(kubeheader.Authorization, canary), line("cookie", canary))

	_, answer := r.ask(good...)
	require.Equal(t, "allow", verdictOf(answer))
	_, answer = r.ask(good...) // from the cache
	require.Equal(t, "allow", verdictOf(answer))
	for _, next := range []*extprocv3.ProcessingRequest{
		body([]byte(`{"id":"` + canary + `","method":"` + canary + `"}`)), body([]byte(canary)), message(poisoned...), {},
	} {
		stream, answer := r.ask(poisoned...)
		require.Equal(t, "reject", verdictOf(answer))
		require.NoError(t, stream.Send(next))
		refused, err := stream.Recv()
		if err == nil {
			require.NotContains(t, refused.GetImmediateResponse().GetDetails(), canary)
		} else {
			require.NotContains(t, err.Error(), canary)
		}
	}
	var pages strings.Builder
	for _, page := range []string{"/metrics", "/status", "/status.json", "/readyz"} {
		_, text := look(t, socket, page)
		pages.WriteString(text)
	}
	shown := pages.String()
	require.Contains(t, shown, "sha256:", "hosts are shown, hashed")
	r.stop()
	require.NoError(t, <-r.ended)
	for _, want := range []string{"request allowed", "request rejected", "protocol violated"} {
		require.Contains(t, r.logs.String(), want, "the paths were taken")
	}
	for _, trace := range append(traces(canary), traces(strings.ToLower(canary))...) {
		require.NotContains(t, r.logs.String(), trace)
		require.NotContains(t, shown, trace)
	}
}
