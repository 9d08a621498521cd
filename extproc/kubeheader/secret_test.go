package kubeheader

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// canaries are spellings of a value in which it could leak.
func canaries(value string) []string {
	decimal := make([]string, 0, len(value))
	for _, c := range []byte(value) {
		decimal = append(decimal, strconv.Itoa(int(c)))
	}
	return []string{
		value, base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
		strings.Join(decimal, " "), strings.Join(decimal, ","), strings.Trim(fmt.Sprintf("%#v", []byte(value)), "[]byte{}"),
	}
}

// prints writes v in every way that fmt, log/slog and encoding/json know, by
// itself, in containers, and where fmt cannot call its methods: as an unexported
// field.
func prints(t *testing.T, v any) string {
	t.Helper()
	type exported struct{ V any }
	var out bytes.Buffer
	for _, shape := range []any{
		v, []any{v}, map[string]any{"k": v}, exported{v}, &exported{v}, struct{ v any }{v}, &struct{ v any }{v},
		[]struct{ v any }{{v}}, map[int]struct{ v any }{1: {v}}, fmt.Errorf("wrapped %v %w", v, fmt.Errorf("in %+v", v)),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%c", "%U", "%t", "%p", "%e", "%10.3s"} {
			fmt.Fprintf(&out, verb+"\n", shape)
		}
		fmt.Fprintln(&out, shape)
		for _, h := range []slog.Handler{
			slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
			slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
		} {
			slog.New(h).With("w", shape).WithGroup("g").Debug("m", "v", shape, slog.Group("h", "v", shape))
		}
		if b, err := json.Marshal(shape); err == nil {
			out.Write(b)
		}
	}
	return out.String()
}

// hiding puts values where an unexported field holds the type itself.
type hiding struct {
	secret  Secret
	field   Field
	fields  []Field
	checked Checked
	target  Target
	token   Token
	cert    ClientCert
	ca      CA
	trust   Trust
	auth    Auth
}

func TestNothingPrintsAValue(t *testing.T) {
	const canary = "CANARY-7d1f4c2e"
	m := material(t)
	parse := func(text ...string) Checked {
		c, err := Parse(Request{Fields: lines(text...)}, usualPolicy(t), noon)
		require.NoError(t, err)
		return c
	}
	token := parse(Server+": https://api.example.com", CertificateAuthority+": "+m["ca"], Authorization+": "+canary)
	pair := parse(Server+": https://api.example.com", CertificateAuthority+": "+m["ca"],
		ClientCertificate+": "+m["p256"], ClientKey+": "+m["p256.key"])
	tokenTarget, _ := token.Target()
	pairTarget, _ := pair.Target()
	secret := NewSecret([]byte(canary))
	h := hiding{
		secret: secret, field: Field{Name: "n", Value: secret}, fields: token.Canonical(), checked: token, target: tokenTarget,
		token: tokenTarget.Auth.(Token), cert: pairTarget.Auth.(ClientCert), ca: pairTarget.Trust.(CA), trust: pairTarget.Trust, auth: tokenTarget.Auth,
	}
	var out strings.Builder
	for _, v := range []any{
		secret, &secret, Secrets([][]byte{[]byte(canary)}), h.field, h.fields, token, &token, pair, tokenTarget, &tokenTarget, pairTarget,
		h.token, h.cert, h.ca, h.trust, h.auth, h, &h, lines("kubernetes-server: " + canary),
	} {
		out.WriteString(prints(t, v))
	}
	secrets := []string{canary, m["ca"][40:80], m["p256"][40:80], m["p256.key"][40:80]}
	for _, f := range append(token.Canonical(), pair.Canonical()...) {
		if text, ok := decodeBase64(f.Value.Reveal()); ok {
			secrets = append(secrets, string(text[40:60]))
		}
	}
	for i, s := range secrets {
		for j, spelt := range canaries(s) {
			if strings.Contains(out.String(), spelt) { // and not require, which would print it
				t.Errorf("secret %d leaks in spelling %d", i, j)
			}
		}
	}
	require.Contains(t, out.String(), redacted)
	require.Contains(t, out.String(), "kubeheader.Checked(token)")
	require.Contains(t, out.String(), "kubeheader.Target(client-certificate)")
}

// A canary in every header at once, in a shape that every rule refuses.
func TestNoRejectionRepeatsAValue(t *testing.T) {
	const canary = "CANARY-7d1f4c2e"
	for _, shape := range []string{"%s", "${%s}", "%s\x00", "%s,%s", "https://%s@%s:%s/?%s#%s", "Bearer %s %s", ""} {
		value := strings.ReplaceAll(shape, "%s", canary)
		fields := make([]Field, 0, headerCount+2)
		for _, n := range append(Names(), "kubernetes-"+strings.ToLower(canary), "KUBERNETES_"+canary) {
			fields = append(fields, Field{Name: n, Value: NewSecret([]byte(value))})
		}
		checked, err := Parse(Request{Fields: fields}, usualPolicy(t), noon)
		require.Error(t, err)
		out := strings.ToLower(err.Error() + prints(t, err) + string(NewRejection(problems(err)...).Data("id")) + checked.String())
		for _, spelt := range canaries(canary) {
			if strings.Contains(out, strings.ToLower(spelt)) {
				t.Errorf("leaks for shape %q", shape)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	var zero Secret
	require.Nil(t, zero.Reveal())
	require.Zero(t, zero.Len())
	require.True(t, zero.Equal(NewSecret(nil)))
	a, b := NewSecret([]byte("a")), NewSecret([]byte("b"))
	require.True(t, a.Equal(NewSecret([]byte("a"))))
	require.False(t, a.Equal(b))
	require.False(t, a.Equal(zero))
	require.Equal(t, "b", string(Secrets([][]byte{[]byte("a"), []byte("b")})[1].Reveal()))
	require.Equal(t, redacted, a.String())
	require.Equal(t, redacted, a.GoString())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%09.2f"} { // fmt asks nobody about %p
		require.Equal(t, redacted, fmt.Sprintf(verb, a), verb)
	}
	quoted, err := json.Marshal(a)
	require.NoError(t, err)
	require.Equal(t, `"`+redacted+`"`, string(quoted))
	text, err := a.MarshalText()
	require.NoError(t, err)
	require.Equal(t, redacted, string(text))
	require.Equal(t, redacted, a.LogValue().String())
}
