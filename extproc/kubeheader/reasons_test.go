package kubeheader

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// everyProblem calls f for every message that can be written.
func everyProblem(f func(r Reason, header string, p Problem)) {
	for _, r := range Reasons() {
		if len(r.Headers()) == 0 {
			f(r, "", r.Problem(""))
		}
		for _, h := range r.Headers() {
			f(r, h, r.Problem(h))
		}
	}
}

func TestReasonCodes(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for i, r := range Reasons() {
		code := r.String()
		require.Regexp(t, kebab, code)
		require.False(t, seen[code], "%s twice", code)
		seen[code] = true
		require.Equal(t, Reason(i+1), r, "not in contract order")
		parsed, ok := ParseReason(code)
		require.True(t, ok)
		require.Equal(t, r, parsed)
		require.Contains(t, []Kind{Malformed, Forbidden, Internal}, r.Kind(), code)
	}
	require.Len(t, seen, int(reasonEnd)-1)
	_, ok := ParseReason("unknown")
	require.False(t, ok, "the name of no reason is no code")
	for _, none := range []Reason{0, reasonEnd, 255} {
		require.Equal(t, "unknown", none.String())
		require.Zero(t, none.Kind())
		require.Empty(t, none.Header())
	}
}

// A row of the table stands in one place only, and is not forgotten.
func TestReasonTablesDoNotOverlap(t *testing.T) {
	for r := Reason(1); r < reasonEnd; r++ {
		rows := 0
		for _, table := range [...]*[reasonEnd]entry{&requestReasons, &credentialReasons, &lateReasons} {
			if table[r].code != "" {
				rows++
			}
		}
		require.Equal(t, 1, rows, "reason %d", r)
	}
}

func TestMessages(t *testing.T) {
	seen := map[string]bool{}
	everyProblem(func(r Reason, header string, p Problem) {
		m := p.Message
		require.Equal(t, header, p.Header, "%s", r)
		require.False(t, seen[r.String()+header], "%s beside %s twice", r, header)
		seen[r.String()+header] = true
		require.True(t, strings.HasSuffix(m, "."), "%s: %s", r, m)
		require.Equal(t, strings.ToUpper(m[:1]) == m[:1], header == "" || header == AnyHeader, "%s: a sentence opens with the header's own spelling: %s", r, m)
		require.NotRegexp(t, `[.!?] `, m, "%s: more than one sentence", r)
		require.NotContains(t, m, "{hint}", "%s", r)
		for _, clause := range []string{" ; ", ";.", "; .", "  "} {
			require.NotContains(t, m, clause, "%s: a part is missing", r)
		}
		require.Contains(t, m, "; ", "%s says what is wrong and not what to do", r)
		require.Contains(t, m, header, "%s does not name its header", r)
		require.Less(t, len(m), 400, "%s is no sentence", r)
		// Clients start an OAuth flow or a new session on these numbers.
		require.NotContains(t, m, "401", "%s", r)
		require.NotContains(t, m, "404", "%s", r)
		// JSON, Markdown tables and Envoy's format strings take it as it stands.
		for _, c := range []byte(m) {
			require.True(t, c >= ' ' && c <= '~' && !strings.ContainsRune("\"\\<>&%|", rune(c)), "%s holds %q", r, c)
		}
	})
}

// Whatever is offered as a header, a contract name comes out.
func TestNoCallerBytesInProblems(t *testing.T) {
	everyProblem(func(r Reason, _ string, _ Problem) {
		for _, sent := range []string{"kubernetes-canary", "canary\"", "", "x-canary", "Kubernetes-Server canary"} {
			p := r.Problem(sent)
			require.Equal(t, r.Header(), p.Header)
			require.NotContains(t, p.Message, "canary")
		}
	})
	forged := Problem{Reason: ReasonServerHost, Header: "canary\"", Message: "canary\""}
	rejection := NewRejection(forged)
	require.NotContains(t, rejection.Error(), "canary")
	require.NotContains(t, string(rejection.Data("id")), "canary")
}

func TestRejectionData(t *testing.T) {
	r := NewRejection(ReasonServerScheme.Problem(Server), ReasonCommaJoined.Problem(Namespace), ReasonPlaintextIngress.Problem(""))
	data := r.Data("3f1b9c1e-0000-4000-8000-000000000000")
	var got struct {
		Reason   string `json:"reason"`
		Header   string `json:"header"`
		Problems []struct {
			Reason  string `json:"reason"`
			Header  string `json:"header"`
			Message string `json:"message"`
		} `json:"problems"`
		Decision string `json:"decision"`
	}
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, "server-scheme", got.Reason)
	require.Equal(t, Server, got.Header)
	require.Equal(t, "3f1b9c1e-0000-4000-8000-000000000000", got.Decision)
	require.Len(t, got.Problems, 3)
	for i, p := range r.Problems {
		require.Equal(t, p.Reason.String(), got.Problems[i].Reason)
		require.Equal(t, p.Header, got.Problems[i].Header)
		require.Equal(t, p.Message, got.Problems[i].Message)
	}
	require.Equal(t, got.Problems[0].Message, r.Error())
	require.Equal(t, ReasonServerScheme, r.Reason())
	require.True(t, json.Valid(r.Data("\"\x00\xff<")), "a decision of any bytes leaves valid JSON")
}

// Every message passes through JSON as it is: Data escapes none.
func TestDataNeedsNoEscaping(t *testing.T) {
	everyProblem(func(_ Reason, _ string, p Problem) {
		quoted, err := json.Marshal(p.Message)
		require.NoError(t, err)
		require.Equal(t, `"`+p.Message+`"`, string(quoted))
		require.True(t, json.Valid(NewRejection(p).Data("id")))
	})
}

func TestNewRejection(t *testing.T) {
	many := slices.Repeat([]Problem{ReasonServerHost.Problem(Server)}, MaxProblems+1)
	r := NewRejection(many...)
	require.Len(t, r.Problems, MaxProblems)
	many[0] = ReasonServerPort.Problem(Server)
	require.Equal(t, ReasonServerHost, r.Reason(), "the rejection aliases its argument")
	require.Equal(t, ReasonGuardUnavailable, NewRejection().Reason(), "a rejection without a problem")
}
