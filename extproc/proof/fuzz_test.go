package proof

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// FuzzOpen reads an input as header lines, "name: value" each, that come along
// with or instead of those of a valid proof: a line for a name that the proof
// has replaces it, any other is added. Open must not panic, must give either a
// value or an error, and may accept only what the edge sealed, byte for byte.
func FuzzOpen(f *testing.F) {
	l := newLink(f)
	valid := l.sealed(f, "token", noon)
	for _, name := range []string{kubeheader.SignatureInput, kubeheader.Signature, kubeheader.Fingerprint} {
		f.Add(name + ": " + value(f, valid, name))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		sent := slices.Clone(valid)
		for line := range strings.SplitSeq(lines, "\n") {
			name, val, _ := strings.Cut(line, ": ")
			sent = with(sent, name, val)
		}
		verified, err := l.verifier.Open(sent, noon)
		require.Equal(t, err == nil, verified.Valid())
		if err != nil {
			problem, ok := errors.AsType[*Error](err)
			require.True(t, ok, "the policy is the edge's: nothing else can be wrong")
			require.Contains(t, append(kubeheader.Names(), "", kubeheader.AnyHeader, kubeheader.Fingerprint,
				kubeheader.SignatureInput, kubeheader.Signature), problem.Header)
			return
		}
		for _, field := range sent {
			if Relevant(field.Name) {
				require.Equal(t, value(t, valid, strings.ToLower(field.Name)), string(field.Value.Reveal()))
			}
		}
	})
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

// TestCorpus: a corpus that is not found would leave the fuzz target green.
func TestCorpus(t *testing.T) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzOpen/*")
	require.NoError(t, err)
	require.NotEmpty(t, seeds)
}
