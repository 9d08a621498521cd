package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/proof"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// desk is a directory with a pair of key files, and a clock.
type desk struct {
	keyFiles

	now time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{keyFiles{filepath.Join(dir, "signing.pem"), filepath.Join(dir, "keys.json")}, noon}
	status, _, stderr := d.keys(t, "new")
	require.Zero(t, status, stderr)
	return d
}

func (d *desk) keys(t *testing.T, command string, more ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{getenv: os.Getenv, stdout: &out, stderr: &errs, now: func() time.Time { return d.now }}
	status = p.main(t.Context(), append([]string{"keys", command, "--signing-key", d.SigningKey, "--keys", d.Keys}, more...))
	return status, out.String(), errs.String()
}

// ids are the thumbprints in both files.
func (d *desk) ids(t *testing.T) (signing []string, verifying int) {
	t.Helper()
	keys, set, err := d.read()
	require.NoError(t, err)
	for _, key := range keys {
		signing = append(signing, key.ID())
	}
	return signing, len(set)
}

// TestRotateAndPrune is a rotation from its beginning to its end, as the two
// programs see it.
func TestRotateAndPrune(t *testing.T) {
	d := newDesk(t)
	first, _ := d.ids(t)
	status, _, stderr := d.keys(t, "rotate")
	require.Zero(t, status, stderr)
	both, verifying := d.ids(t)
	require.Len(t, both, 2)
	require.Equal(t, 2, verifying)

	guard, err := proof.LoadSigningKeys(d.SigningKey)
	require.NoError(t, err)
	require.Equal(t, first[0], guard.Active(noon.Add(59*time.Second)).ID())
	require.Equal(t, both[1], guard.Active(noon.Add(60*time.Second)).ID())
	_, err = proof.LoadKeySet(d.Keys)
	require.NoError(t, err)

	d.now = noon.Add(119 * time.Second)
	status, _, stderr = d.keys(t, "prune")
	require.Equal(t, exitFail, status)
	require.Contains(t, stderr, "run this again after 2026-01-31T12:02:00Z")
	kept, _ := d.ids(t)
	require.Equal(t, both, kept)

	d.now = noon.Add(120 * time.Second)
	status, stdout, stderr := d.keys(t, "prune")
	require.Zero(t, status, stderr)
	require.Equal(t, "key "+first[0]+" is gone\n", stdout)
	last, verifying := d.ids(t)
	require.Equal(t, both[1:], last)
	require.Equal(t, 1, verifying)

	status, stdout, _ = d.keys(t, "prune")
	require.Zero(t, status)
	require.Contains(t, stdout, "nothing to drop")
}

// TestActivateIn: as soon as is safe, and not sooner.
func TestActivateIn(t *testing.T) {
	for text, want := range map[string]time.Duration{"5s": 5 * time.Second, "3m": 3 * time.Minute, "24h": 24 * time.Hour} {
		d := newDesk(t)
		first, _ := d.ids(t)
		status, stdout, stderr := d.keys(t, "rotate", "--activate-in", text)
		require.Zero(t, status, stderr)
		require.Contains(t, stdout, "signs from "+noon.Add(want).Format(time.RFC3339)+" on")
		both, _ := d.ids(t)
		guard, err := proof.LoadSigningKeys(d.SigningKey)
		require.NoError(t, err)
		require.Equal(t, first[0], guard.Active(noon.Add(want-1)).ID())
		require.Equal(t, both[1], guard.Active(noon.Add(want)).ID())
	}
	d := newDesk(t)
	before, _ := d.ids(t)
	for _, text := range []string{"4999ms", "0s", "-60s", "24h1s"} {
		status, _, stderr := d.keys(t, "rotate", "--activate-in="+text)
		require.Equal(t, exitFail, status, text)
		require.Contains(t, stderr, "say how long the files take to reach every backend")
		after, _ := d.ids(t)
		require.Equal(t, before, after)
	}
}

// TestPublicHalfFirst: when the second write fails, the first is taken back.
// The signing key file is not there any more, so it cannot be replaced.
func TestPublicHalfFirst(t *testing.T) {
	d := newDesk(t)
	before, err := os.ReadFile(d.Keys)
	require.NoError(t, err)
	signing, set, err := d.read()
	require.NoError(t, err)
	require.NoError(t, os.Remove(d.SigningKey))
	next, err := proof.GenerateSigningKey(noon)
	require.NoError(t, err)
	require.ErrorIs(t, d.write(append(signing, next), append(set, next.Public())), os.ErrNotExist)
	after, err := os.ReadFile(d.Keys)
	require.NoError(t, err)
	require.Equal(t, before, after)

	// And the other way round: no private key is written without its public half.
	d = newDesk(t)
	private, err := os.ReadFile(d.SigningKey)
	require.NoError(t, err)
	require.NoError(t, os.Remove(d.Keys))
	require.Error(t, d.write(append(signing, next), append(set, next.Public())))
	after, err = os.ReadFile(d.SigningKey)
	require.NoError(t, err)
	require.Equal(t, private, after)
}

// TestReplaceKeeps: owner, mode and the link that led to the file.
func TestReplaceKeeps(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o640))
	require.NoError(t, os.Symlink(path, link))
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(path, 1, 2))
	}
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, replace(link, []byte("new"), 0o777))

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, before.Mode(), after.Mode())
	requireOwner(t, before, after)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "a temporary file stayed")

	// Nor after a failure: a file does not replace a directory.
	require.NoError(t, os.Mkdir(filepath.Join(dir, "keys.d"), 0o700))
	require.Error(t, replace(filepath.Join(dir, "keys.d"), []byte("new"), 0o777))
	left, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "a temporary file stayed")
}
