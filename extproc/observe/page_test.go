package observe

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// seen is a page for every part of which there is something to say.
func seen(tb testing.TB) *Observer {
	tb.Helper()
	o := observer(tb, full())
	o.Decided(allowed())
	no := rejected(kubeheader.ReasonTokenExpired)
	no.Problems = 3
	o.Decided(no)
	let := allowed()
	let.Reported = []kubeheader.Problem{kubeheader.ReasonHostNotAllowed.Problem("")}
	o.Decided(let)
	o.StreamOpened()
	return o
}

func TestPageSaysWhatAnOperatorLooksFor(t *testing.T) {
	_, body := page(t, seen(t))
	text := strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")), " ")
	for _, want := range []string{
		"extproc: draining: the program was told to end", "Version v1.2.3, revision 0123abc, go1.26.6", "--insecure-listen", "7 lines did not get into the log", "8 spans reached no collector",
		digest + " the last read failed: the last good content stays in use , loaded 2030-01-15 11:00:00Z, 3 reloads, 2 failed reads no host is allowed",
		keyA + " from the beginning", keyB + " signs from 2030-01-15 10:30:00Z (1h30m0s ago)",
		"1 days left , until 2030-01-17 00:00:00Z", "6 clients refused, the last: dns:stranger.example.com",
		"allow 2 reject 1 token-expired malformed 1", "reported, let through host-not-allowed forbidden 1",
		"1 open, 1 since the start", "44 entries, 55 bytes; 11 hits, 22 misses, 31 expired, 32 overflow, 33 replaced, 34 forgotten", "The last 3 decisions",
		"2030-01-15 12:00:00Z " + decision + " reject token-expired (of 3) kubernetes-authorization api.example.com 80.0",
		"allow reported: host-not-allowed token api.example.com 5.0 cached",
	} {
		require.Contains(t, text, want)
	}
}

// TestPageSaysWhenAKeySigns: a key that was handed out waits until it is everywhere.
func TestPageSaysWhenAKeySigns(t *testing.T) {
	for after, want := range map[time.Duration]string{
		45 * time.Second: "(in 45s)", time.Second: "(in 1s)", 400 * time.Millisecond: "(0s ago)", 0: "(0s ago)", -45 * time.Second: "(45s ago)",
		90 * time.Minute: "(in 1h30m0s)",
	} {
		c := full()
		c.Keys = func() Keys {
			return Keys{Keys: []Key{{ID: keyA, Active: true}, {ID: keyB, ActivateAt: now.Add(after)}}}
		}
		_, body := page(t, observer(t, c))
		require.Contains(t, body, "from "+shortTime(now.Add(after))+" "+want, "%s", after)
	}
}

func TestJSONSaysTheSame(t *testing.T) {
	header, body := read(t, seen(t).StatusJSON())
	require.Equal(t, "application/json", header.Get("Content-Type"))
	var s Status
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&s))
	require.Equal(t, seen(t).status(true), s, "what is read back is what was there")
	require.Equal(t, 1, s.TLS.DaysLeft)
	require.True(t, s.Policy.Failing)
	require.Len(t, s.Recent, 3)
	require.Equal(t, "token-expired", s.Recent[1].Reason)
}

// TestPageOfAQuietGuard: nothing is configured and nothing has happened.
func TestPageOfAQuietGuard(t *testing.T) {
	o := observer(t, Config{})
	_, body := page(t, o)
	require.Contains(t, body, "ready")
	require.Contains(t, body, "The last 0 decisions")
	require.NotContains(t, body, "--insecure-listen")
	read(t, o.StatusJSON())
}

// TestHostileTextIsText: what a caller or a client's certificate says is shown
// as it is and does nothing.
func TestHostileTextIsText(t *testing.T) {
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</td></table><iframe src=//evil.example.com>`,
		`javascript:alert(1)`, `</style><svg onload=alert(1)>`, `{{.Policy}}`, "\x00\xff<b>", `&lt;script&gt;`,
	} {
		c := full()
		c.TLS = func() TLS { return TLS{Refused: 1, LastRefusal: evil, NotAfter: now.Add(time.Hour)} }
		policy := c.Policy()
		policy.Warnings = []string{evil}
		c.Policy = func() Policy { return policy }
		c.Ready = func() error { return errors.New(evil) }
		o := observer(t, c)
		e := allowed()
		e.Host, e.Decision, e.Header, e.Credential = evil, evil, evil, evil
		o.Decided(e)
		_, body := page(t, o)
		requireHarmless(t, body)
		header, text := read(t, o.StatusJSON())
		require.NotContains(t, text, "<", "a browser that takes JSON for HTML finds no tag either")
		require.Equal(t, "application/json", header.Get("Content-Type"))
	}
}

// requireHarmless parses a page and allows no element or attribute but those of
// the template.
func requireHarmless(tb testing.TB, body string) {
	tb.Helper()
	elements := regexp.MustCompile(`^(html|head|meta|title|style|body|h1|h2|p|a|table|tr|th|td|code|br|span|div)$`)
	attributes := regexp.MustCompile(`^(lang|charset|name|content|class|href)$`)
	links := 0
	for z := html.NewTokenizer(strings.NewReader(body)); ; {
		switch z.Next() { //nolint:exhaustive // the others hold no tag
		case html.ErrorToken:
			require.Equal(tb, 1, links)
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			require.Regexp(tb, elements, token.Data)
			for _, a := range token.Attr {
				require.Regexp(tb, attributes, a.Key)
				if a.Key == "href" {
					links++
					require.Equal(tb, "status.json", a.Val)
				}
			}
		}
	}
}

// TestPolicyOfThePage: no script at all, and of styles only our own.
func TestPolicyOfThePage(t *testing.T) {
	header, body := page(t, seen(t))
	_, rest, found := strings.Cut(body, "<style>")
	require.True(t, found)
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", header.Get("Content-Security-Policy"))
	require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
	require.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
	require.NotContains(t, body, " style=")
}

// TestHostsAreShownAsThePolicySays, also those that were seen before it said so.
func TestHostsAreShownAsThePolicySays(t *testing.T) {
	c := full()
	policy := c.Policy()
	c.Policy = func() Policy { return policy }
	o := observer(t, c)
	o.Decided(allowed())
	require.Equal(t, "api.example.com", o.status(true).Recent[0].Host)
	policy.ShowHost = func(string) string { return "sha256:0123456789abcdef" }
	require.Equal(t, "sha256:0123456789abcdef", o.status(true).Recent[0].Host)
	_, body := page(t, o)
	require.NotContains(t, body, "api.example.com")
	_, text := read(t, o.StatusJSON())
	require.NotContains(t, text, "api.example.com")
	policy.ShowHost = func(string) string { return "" }
	require.Empty(t, o.status(true).Recent[0].Host)
}
