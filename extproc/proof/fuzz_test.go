package proof

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/trial"
)

// FuzzOpen reads an input as edits, one a line, of the header lines that belong
// to a valid proof: "name: value" replaces the line of that name or adds one,
// "- name" drops it, and "^ name 17" flips its bit 17. Open must accept what the
// edge sealed, byte for byte, and nothing else: no line more, no line less and no
// bit another, whether it has seen the proof before or not.
func FuzzOpen(f *testing.F) {
	l := newLink(f)
	callers := []string{"token", "certificate", "anonymous"}
	valid := map[string][]kubeheader.Field{}
	for i, caller := range callers {
		valid[caller] = l.sealed(f, caller, noon)
		for _, name := range []string{kubeheader.SignatureInput, kubeheader.Signature, kubeheader.Fingerprint} {
			f.Add(byte(i), name+": "+value(f, valid[caller], name)) // of this run's key
		}
	}
	f.Fuzz(func(t *testing.T, caller byte, edits string) {
		if len(edits) > 96<<10 || strings.Count(edits, "\n") > 100 {
			return
		}
		sealed := valid[callers[int(caller)%len(callers)]]
		sent := slices.Clone(sealed)
		for line := range strings.SplitSeq(edits, "\n") {
			sent = edit(sent, line)
		}
		l.accepted(t, sealed, noon) // warm
		warm, warmErr := l.verifier.Open(sent, noon)
		l.verifier.cache.entries.InvalidateAll()
		var verified Verified
		var err error
		trial.Within(t, func() { verified, err = l.verifier.Open(sent, noon) })
		require.Equal(t, warmErr, err, "what is remembered decides")
		require.Equal(t, err == nil, verified.Valid())
		require.Equal(t, err == nil, warm.Valid())
		require.Equal(t, relevant(sealed) == relevant(sent), err == nil)
		if err == nil {
			return
		}
		problem, ok := errors.AsType[*Error](err)
		require.True(t, ok, "the policy is the edge's: nothing else can be wrong")
		require.Contains(t, append(kubeheader.Names(), "", kubeheader.AnyHeader, kubeheader.Fingerprint,
			kubeheader.SignatureInput, kubeheader.Signature), problem.Header)
	})
}

// edit applies one line of FuzzOpen's input.
func edit(sent []kubeheader.Field, line string) []kubeheader.Field {
	if name, ok := strings.CutPrefix(line, "- "); ok {
		return without(sent, name)
	}
	if rest, ok := strings.CutPrefix(line, "^ "); ok {
		name, number, _ := strings.Cut(rest, " ")
		i := slices.IndexFunc(sent, func(f kubeheader.Field) bool { return f.Name == name })
		bit, err := strconv.ParseUint(number, 10, 32)
		if i < 0 || err != nil || sent[i].Value.Len() == 0 {
			return sent
		}
		flipped := slices.Clone(sent[i].Value.Reveal())
		bit %= uint64(8 * len(flipped))
		flipped[bit/8] ^= 1 << (bit % 8)
		return with(sent, name, string(flipped))
	}
	name, val, _ := strings.Cut(line, ": ")
	return with(sent, name, val)
}

// relevant is everything in a request that begins with kubernetes or belongs to
// a proof, sorted, names without regard to case: two requests that read the same
// here are the same to every reader of headers.
func relevant(sent []kubeheader.Field) string {
	var out []string
	for _, f := range sent {
		name := strings.ToLower(f.Name)
		dashed := strings.ReplaceAll(name, "_", "-")
		switch {
		case strings.HasPrefix(dashed, "kubernetes"), dashed == "signature", dashed == "signature-input", dashed == "x-kubernetes-fingerprint":
			out = append(out, strconv.Quote(name)+strconv.Quote(string(f.Value.Reveal())))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// FuzzKeyFiles: no key file makes the decoders panic, and what they accept
// survives being written and read again.
func FuzzKeyFiles(f *testing.F) {
	l := newLink(f)
	for _, path := range []string{l.signingFile, l.keysFile} {
		content, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 16<<10 {
			return
		}
		trial.Within(t, func() {
			_, _ = DecodeSigningKeys(content)
			_, _ = DecodeKeySet(content)
		})
		if keys, err := DecodeSigningKeys(content); err == nil {
			again, err := EncodeSigningKeys(keys...)
			require.NoError(t, err)
			read, err := DecodeSigningKeys(again)
			require.NoError(t, err)
			require.Len(t, read, len(keys))
		}
		if keys, err := DecodeKeySet(content); err == nil {
			again, err := EncodeKeySet(keys...)
			require.NoError(t, err)
			read, err := DecodeKeySet(again)
			require.NoError(t, err)
			require.Equal(t, keys, read)
		}
	})
}

// TestCorpus: a target without seeds would pass.
func TestCorpus(t *testing.T) {
	trial.Corpus(t, "FuzzOpen")
	trial.Corpus(t, "FuzzKeyFiles")
}
