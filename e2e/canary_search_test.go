package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// canary is something that must not be seen, by the spellings that would give
// it away.
type canary struct {
	name   string
	traces [][]byte
	// word, in lower case, gives it away in any case: proxies and net/http change
	// the letters of a header's name. Empty for what is no text.
	word []byte
	// answers says that the caller's own answer may repeat it: it is what he
	// asked about. Nothing else may, whatever the canary.
	answers bool
}

// text is a canary of printable text, such as a token or a common name.
func text(name, secret string) canary {
	return canary{name: name, traces: traces([]byte(secret)), word: []byte(strings.ToLower(secret))}
}

// material is a canary of PEM, as text, as DER, and as the base64 of the text
// that travels in a header. It is known by pieces, since part of a leak is one:
// of each line of the body but the first, which is much the same for everybody.
func material(t *testing.T, name, pemText string) canary {
	t.Helper()
	block, _ := pem.Decode([]byte(pemText))
	require.NotNil(t, block)
	const line, begin, end = 48, 6, 30 // bytes of DER
	c := canary{name: name}
	for at := line; at+end <= len(block.Bytes); at += line {
		piece := block.Bytes[at+begin : at+end]
		c.traces = append(c.traces, traces(piece)...)
		c.traces = append(c.traces, traces([]byte(base64.StdEncoding.EncodeToString(piece)))...)
	}
	require.NotEmpty(t, c.traces)
	return c
}

// traces are the spellings of a secret: as it is, in hex, and in either base64
// at each of the three places where it can begin in what was encoded.
func traces(secret []byte) [][]byte {
	lower := hex.EncodeToString(secret)
	out := append(make([][]byte, 0, 9), secret, []byte(lower), []byte(strings.ToUpper(lower)))
	for skip := range 3 {
		whole := secret[skip:]
		whole = whole[:len(whole)/3*3]
		out = append(out, []byte(base64.StdEncoding.EncodeToString(whole)), []byte(base64.URLEncoding.EncodeToString(whole)))
	}
	return out
}

// seen names the places where a canary shows. It repeats neither.
func (c canary) seen(places map[string][]byte) []string {
	var out []string
	for place, content := range places {
		if at := bytes.Index(bytes.ToLower(content), c.word); len(c.word) > 0 && at >= 0 {
			out = append(out, fmt.Sprintf("%s in %s (as a word, after %d bytes)", c.name, place, at))
			continue
		}
		for i, trace := range c.traces {
			if bytes.Contains(content, trace) {
				out = append(out, fmt.Sprintf("%s in %s (spelling %d of a piece, after %d bytes)", c.name, place, i%9, bytes.Index(content, trace)))
				break
			}
		}
	}
	return out
}

// jsonText is s as a JSON string, which every string can be.
func jsonText(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// TestCanarySearchFindsWhatIsThere: a search that finds nothing is worth what
// it would have found.
func TestCanarySearchFindsWhatIsThere(t *testing.T) {
	token := rand.Text()
	_, key := newAuthority(t, "search").client(t, "search")
	block, _ := pem.Decode([]byte(key))
	find := func(c canary, content string) bool {
		return len(c.seen(map[string][]byte{"somewhere": []byte(content)})) > 0
	}
	encoders := map[string]func([]byte) string{
		"as it is":              func(b []byte) string { return string(b) },
		"quoted":                func(b []byte) string { return fmt.Sprintf("%q", b) },
		"JSON":                  func(b []byte) string { return jsonText(string(b)) },
		"hex":                   hex.EncodeToString,
		"HEX":                   func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"base64":                base64.StdEncoding.EncodeToString,
		"base64 of URLs":        base64.URLEncoding.EncodeToString,
		"base64 without ending": base64.RawStdEncoding.EncodeToString,
	}
	for name, encode := range encoders {
		for before := range 6 {
			padding := strings.Repeat("x", before)
			require.True(t, find(text("token", token), strings.ToLower(padding+token)))
			require.True(t, find(text("token", token), "log "+encode([]byte(padding+token+padding))+" line"), "%s after %d bytes", name, before)
			if name != "quoted" && name != "JSON" { // which change bytes that are no text
				require.True(t, find(material(t, "key", key), encode(append([]byte(padding), block.Bytes...))), "DER, %s after %d bytes", name, before)
			}
			require.True(t, find(material(t, "key", key), encode([]byte(padding+key))), "PEM, %s after %d bytes", name, before)
			half := key[:len(key)*2/3]
			require.True(t, find(material(t, "key", key), encode([]byte(padding+half))), "a part of PEM, %s after %d bytes", name, before)
		}
		_, other := newAuthority(t, "search").client(t, "search")
		require.False(t, find(material(t, "key", key), encode([]byte(other))))
		require.False(t, find(text("token", token), encode([]byte(rand.Text()))))
	}
}

// signingCanary is the guard's key: the 32 bytes of the seed at the end of it.
func signingCanary(t *testing.T, file []byte) canary {
	t.Helper()
	block, _ := pem.Decode(file)
	require.NotNil(t, block)
	seed := block.Bytes[len(block.Bytes)-32:]
	c := canary{name: "signing key", traces: traces(seed)}
	line, _, _ := strings.Cut(base64.StdEncoding.EncodeToString(block.Bytes)[22:], "=")
	c.traces = append(c.traces, traces([]byte(line))...)
	return c
}
