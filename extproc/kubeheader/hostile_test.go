package kubeheader

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Alphabets and padding of base64, whatever is inside.
func TestDecodeBase64(t *testing.T) {
	for in, want := range map[string]string{
		"":     "",
		"YQ==": "a",
		"YQ":   "a",
		"YWI=": "ab",
		"YWI":  "ab",
		"YWJj": "abc",
		"+/+/": "\xfb\xff\xbf",
		"-_-_": "\xfb\xff\xbf",
		"-_8=": "\xfb\xff",
		"+/8":  "\xfb\xff",
	} {
		out, ok := decodeBase64([]byte(in))
		require.True(t, ok, in)
		require.Equal(t, want, string(out), in)
	}
	for _, in := range []string{
		"Y", "YQ=", "YQ===", "YWI==", "YWJj=", "=", "====", "YQ==YQ==", "Y=Q=", "YR==", "YR", "YWJ=", // padding and stray bits
		"+_+_", "-/-/", "YQ= =", " YQ==", "YQ==\n", "Y\nQ==", "Y\rQ==", "YQ==\r\n", "Y Q==", "YW.j", "YWJj!", "\u0600",
	} {
		_, ok := decodeBase64([]byte(in))
		require.False(t, ok, "%q", in)
	}
}

// What a hostile client can send within Envoy's limit for headers (96 KiB), or
// beyond it, costs little. The bound is far above what it takes and far below
// what anything quadratic would.
func TestHostileInputIsCheap(t *testing.T) {
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	inputs := map[string]string{
		"braces": fill("{"), "dollars": fill("$"), "brace words": fill("{abcdefghijklmno"), "commas": fill("core,"),
		"begins":              b64([]byte(strings.Repeat("-----BEGIN CERTIFICATE-----\n", 4000))),
		"begins with headers": b64([]byte("-----BEGIN CERTIFICATE-----\n" + strings.Repeat("a: b\n", 20000) + "\n-----END CERTIFICATE-----\n")),
		"dashes":              b64([]byte(strings.Repeat("-", 100000))), "dots": fill("."), "colons": fill(":"), "slashes": "https://a/" + fill("a/"),
		"xn": fill("xn--a."), "letters": fill("A"), "jwt": fill("e30.")[:8000] + ".e30", "deep jwt": jwt(strings.Repeat("[", 5000)),
		"key of zeros": b64(block("PRIVATE KEY", make([]byte, 3000))), "nested asn1": b64(block("PRIVATE KEY", []byte(strings.Repeat("\x30\x80", 1500)))),
	}
	p := widePolicy(t)
	for name, value := range inputs {
		fields := make([]Field, 0, headerCount)
		for _, header := range Names() {
			fields = append(fields, Field{Name: header, Value: NewSecret([]byte(value))})
		}
		allocated := testing.AllocsPerRun(1, func() {
			_, err := Parse(Request{Fields: fields}, p, noon)
			require.Error(t, err, name)
		})
		require.Less(t, allocated, 40000.0, name)
		best := time.Hour // of three: the machine may be busy
		for range 3 {
			start := time.Now()
			_, err := Parse(Request{Fields: fields}, p, noon)
			require.Error(t, err, name)
			best = min(best, time.Since(start))
		}
		require.Less(t, best, time.Second, name)
	}
	many := make([]Field, 100000)
	for i := range many {
		many[i] = Field{Name: "kubernetes-x", Value: NewSecret(nil)}
	}
	_, err := Parse(Request{Fields: many}, p, noon)
	require.Equal(t, []string{"server-missing kubernetes-server", "credential-missing kubernetes-authorization", "unknown-header kubernetes-*"}, outcome(Checked{}, err))
}
