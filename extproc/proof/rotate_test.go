package proof

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestRotation walks through a rotation: the public key is added, the private
// key signs from its time on, the fingerprint keeps its key, and the old key goes.
func TestRotation(t *testing.T) {
	l := newLink(t)
	old := l.signing.Active(noon)
	before := l.sealed(t, "token", noon)
	next := generate(t, noon.Add(time.Minute))

	l.writeKeys(t, old.Public(), next.Public())
	l.writeSigning(t, old, next)
	changed, err := l.signing.Refresh(noon)
	require.NoError(t, err)
	require.True(t, changed)

	require.Equal(t, old.ID(), l.signer.KeyID(noon.Add(time.Minute-1)))
	require.Equal(t, next.ID(), l.signer.KeyID(noon.Add(time.Minute)))
	require.Equal(t, old.ID(), l.signing.Oldest(noon.Add(time.Hour)).ID())

	at := noon.Add(time.Minute)
	after := l.sealed(t, "token", at)
	require.Contains(t, value(t, after, kubeheader.SignatureInput), next.ID())
	require.Equal(t, value(t, before, kubeheader.Fingerprint), value(t, after, kubeheader.Fingerprint))
	l.accepted(t, after, at) // the backend did not know the key and read its file again

	l.accepted(t, l.resealed(t, old, at), at)
	l.writeKeys(t, next.Public())
	_, err = l.keys.Refresh(at)
	require.NoError(t, err)
	l.refused(t, l.resealed(t, old, at), at, kubeheader.ReasonProofUnknownKey, "") // cached under the old set
	l.accepted(t, after, at)
}

// resealed is a token call under one key.
func (l *link) resealed(t *testing.T, key SigningKey, now time.Time) []kubeheader.Field {
	t.Helper()
	keys := &SigningKeys{}
	keys.current.Store(&[]SigningKey{key})
	signer, err := NewSigner(keys, audience)
	require.NoError(t, err)
	return l.sealedBy(t, signer, "token", now)
}

// TestActive: a key set without an active key would be an outage; the oldest
// counts as active always.
func TestActive(t *testing.T) {
	l := newLink(t)
	early, late := generate(t, noon), generate(t, noon.Add(time.Minute))
	l.writeSigning(t, late, early)
	_, err := l.signing.Refresh(noon)
	require.NoError(t, err)
	for at, want := range map[time.Time]string{
		noon.Add(-time.Hour): early.ID(), noon: early.ID(), noon.Add(59 * time.Second): early.ID(), noon.Add(time.Minute): late.ID(),
	} {
		require.Equal(t, want, l.signing.Active(at).ID())
		require.Equal(t, early.ID(), l.signing.Oldest(at).ID())
	}
}

// TestUnknownKeyRereads: at most once a second, whatever is thrown at it.
func TestUnknownKeyRereads(t *testing.T) {
	l := newLink(t)
	at := noon
	next := generate(t, time.Time{})
	sent := l.resealed(t, next, noon)
	l.refused(t, sent, at, kubeheader.ReasonProofUnknownKey, "")

	l.writeKeys(t, l.signing.Active(noon).Public(), next.Public())
	l.refused(t, sent, at.Add(999*time.Millisecond), kubeheader.ReasonProofUnknownKey, "")
	l.accepted(t, sent, at.Add(time.Second))

	// Whoever follows the file hears of what a request brought in, once.
	require.Len(t, l.keys.IDs(), 2)
	changed, err := l.keys.Refresh(at.Add(time.Second))
	require.NoError(t, err)
	require.True(t, changed)
	changed, err = l.keys.Refresh(at.Add(time.Second))
	require.NoError(t, err)
	require.False(t, changed)

	// A clock that was set back does not stop the reading.
	third := generate(t, time.Time{})
	l.writeKeys(t, third.Public())
	l.accepted(t, l.resealed(t, third, at), at.Add(-time.Second))
}

// TestRefresh: by content, and the last good one stays.
func TestRefresh(t *testing.T) {
	l := newLink(t)
	now := noon
	refresh := func(file string) (bool, error) {
		if file == l.keysFile {
			return l.keys.Refresh(now)
		}
		return l.signing.Refresh(now)
	}
	for _, file := range []string{l.keysFile, l.signingFile} {
		good, err := os.ReadFile(file)
		require.NoError(t, err)
		sent := l.sealed(t, "token", now)
		changed, err := refresh(file)
		require.NoError(t, err)
		require.False(t, changed, "the same content")

		require.NoError(t, os.WriteFile(file, []byte("broken"), 0o600))
		for range 2 {
			changed, err = refresh(file)
			require.ErrorContains(t, err, file, "the error repeats")
			require.False(t, changed)
			l.accepted(t, sent, now)
			require.NotEmpty(t, l.sealed(t, "token", now))
		}
		require.NoError(t, os.Remove(file))
		_, err = refresh(file)
		require.ErrorIs(t, err, os.ErrNotExist)

		require.NoError(t, os.WriteFile(file, good, 0o600))
		changed, err = refresh(file)
		require.NoError(t, err)
		require.False(t, changed, "the last good content came back")
		l.accepted(t, sent, now)
	}
}

// TestRefreshThroughLink swaps a directory behind a symbolic link, as the
// kubelet does with a mounted Secret.
func TestRefreshThroughLink(t *testing.T) {
	l := newLink(t)
	dir := t.TempDir()
	mounted := filepath.Join(dir, "keys.json")
	require.NoError(t, os.Symlink(l.keysFile, mounted))
	keys, err := LoadKeySet(mounted)
	require.NoError(t, err)

	other := newLink(t)
	swap := filepath.Join(dir, "swap")
	require.NoError(t, os.Symlink(other.keysFile, swap))
	require.NoError(t, os.Rename(swap, mounted))
	changed, err := keys.Refresh(noon)
	require.NoError(t, err)
	require.True(t, changed)
	require.Contains(t, *keys.current.Load(), other.signing.Active(noon).ID())
}
