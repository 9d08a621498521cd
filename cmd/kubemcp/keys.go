package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"time"

	"kubernetes-mcp-edge/extproc/proof"
)

const (
	// leastActivateIn is how long a new key has to wait before it signs if guard
	// and backend read the very files that this command writes. A backend looks at
	// its file every 3 s; at an unknown key id it looks again, unless it did so
	// within the last second. So after 1 s at the latest it cannot miss the key;
	// the rest is for clocks that differ.
	leastActivateIn = 5 * time.Second
	// mostActivateIn is more than any distribution of files takes.
	mostActivateIn = 24 * time.Hour
	// retireAfter is how long a replaced key is still needed: a guard looks at its
	// file every 3 s and reuses a signature for 10 s, which is then good for
	// up to 35 s.
	retireAfter = 60 * time.Second

	privateMode = 0o600
	publicMode  = 0o644
)

type keysCommand struct {
	New    newCommand    `cmd:"" help:"Make a signing key for the guard and a key set for the backend. Never overwrites a file."`
	Rotate rotateCommand `cmd:"" help:"Add a key to both files. It signs from a minute later on, or from --activate-in; the old one stays until keys prune."`
	Prune  pruneCommand  `cmd:"" help:"Drop from both files the keys that a rotation replaced at least one minute ago."`
}

// keyFiles are the two files that belong together.
type keyFiles struct {
	SigningKey string `help:"Private keys of the guard (PKCS#8 PEM, mode 0600)." placeholder:"FILE" required:""`
	Keys       string `help:"Public keys of the backend (JSON Web Key Set)."     placeholder:"FILE" required:""`
}

type newCommand struct {
	keyFiles `embed:""`
}

// Run makes both files or neither.
func (c *newCommand) Run(p *program) error {
	key, err := proof.GenerateSigningKey(time.Time{})
	if err != nil {
		return err
	}
	private, err := proof.EncodeSigningKeys(key)
	if err != nil {
		return err
	}
	public, err := proof.EncodeKeySet(key.Public())
	if err != nil {
		return err
	}
	if err := create(c.SigningKey, private, privateMode); err != nil {
		return unlessExists(err)
	}
	if err := create(c.Keys, public, publicMode); err != nil {
		return unlessExists(errors.Join(err, os.Remove(c.SigningKey)))
	}
	return errors.Join(
		p.say("key %s signs from now on", key.ID()),
		p.say("%s: for the guard (--signing-key); keep it secret", c.SigningKey),
		p.say("%s: for the backend (--keys)", c.Keys))
}

// unlessExists says what to do about a file that is already there.
func unlessExists(err error) error {
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w; nothing was written: to replace a key that is in use run kubemcp keys rotate", err)
	}
	return err
}

type rotateCommand struct {
	keyFiles `embed:""`

	ActivateIn time.Duration `default:"60s" help:"How long the new key waits before it signs: longer than the files take to reach every backend (a mounted ConfigMap can take two minutes), 5s at least."`
}

// Run adds a key: its public half first, so that no proof is made that a
// backend could not come to know.
func (c *rotateCommand) Run(p *program) error {
	if c.ActivateIn < leastActivateIn || c.ActivateIn > mostActivateIn {
		return fmt.Errorf("--activate-in %s: say how long the files take to reach every backend, from %s (both programs read these very files) to %s",
			c.ActivateIn, leastActivateIn, mostActivateIn)
	}
	signing, set, err := c.read()
	if err != nil {
		return err
	}
	if last := signing[len(signing)-1]; last.ActivateAt().After(p.now()) {
		return fmt.Errorf("a rotation is under way: key %s signs from %s on; run this again later",
			last.ID(), last.ActivateAt().UTC().Format(time.RFC3339))
	}
	next, err := proof.GenerateSigningKey(p.now().Add(c.ActivateIn).Truncate(time.Second))
	if err != nil {
		return err
	}
	if err := c.write(append(signing, next), append(set, next.Public())); err != nil {
		return err
	}
	return errors.Join(
		p.say("key %s signs from %s on", next.ID(), next.ActivateAt().UTC().Format(time.RFC3339)),
		p.say("give both files to all guards and backends before that; one minute after it, run kubemcp keys prune"))
}

type pruneCommand struct {
	keyFiles `embed:""`
}

// Run drops every key that is older than the one that signs.
func (c *pruneCommand) Run(p *program) error {
	signing, set, err := c.read()
	if err != nil {
		return err
	}
	active := 0
	for i, key := range signing {
		if !key.ActivateAt().After(p.now()) {
			active = i
		}
	}
	if active == 0 {
		return p.say("nothing to drop: key %s is the oldest and still signs", signing[0].ID())
	}
	if safe := signing[active].ActivateAt().Add(retireAfter); safe.After(p.now()) {
		return fmt.Errorf("proofs of the replaced key may still be on their way: run this again after %s",
			safe.UTC().Format(time.RFC3339))
	}
	retired := signing[:active]
	if err := c.write(signing[active:], without(set, retired)); err != nil {
		return err
	}
	for _, key := range retired {
		err = errors.Join(err, p.say("key %s is gone", key.ID()))
	}
	return err
}

// read reads both files and checks that they belong together. The signing keys
// come in order of activation.
func (f keyFiles) read() ([]proof.SigningKey, []ed25519.PublicKey, error) {
	private, err := os.ReadFile(f.SigningKey)
	if err != nil {
		return nil, nil, err
	}
	signing, err := proof.DecodeSigningKeys(private)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.SigningKey, err)
	}
	public, err := os.ReadFile(f.Keys)
	if err != nil {
		return nil, nil, err
	}
	set, err := proof.DecodeKeySet(public)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Keys, err)
	}
	for _, key := range signing {
		if len(without(set, []proof.SigningKey{key})) == len(set) {
			return nil, nil, fmt.Errorf("%s does not hold the public half of signing key %s: are these two files a pair?", f.Keys, key.ID())
		}
	}
	return signing, set, nil
}

// write replaces both files, the key set first. If the second fails, the first
// gets its old content back.
func (f keyFiles) write(signing []proof.SigningKey, set []ed25519.PublicKey) error {
	private, err := proof.EncodeSigningKeys(signing...)
	if err != nil {
		return err
	}
	public, err := proof.EncodeKeySet(set...)
	if err != nil {
		return err
	}
	// What the programs would refuse is not written.
	if _, err := proof.DecodeSigningKeys(private); err != nil {
		return err
	}
	if _, err := proof.DecodeKeySet(public); err != nil {
		return err
	}
	before, err := os.ReadFile(f.Keys)
	if err != nil {
		return err
	}
	if err := replace(f.Keys, public, 0o777); err != nil {
		return err
	}
	if err := replace(f.SigningKey, private, 0o700); err != nil {
		return errors.Join(err, replace(f.Keys, before, 0o777))
	}
	return nil
}

// without returns the public keys that belong to none of these.
func without(set []ed25519.PublicKey, gone []proof.SigningKey) []ed25519.PublicKey {
	var kept []ed25519.PublicKey
	for _, public := range set {
		found := false
		for _, key := range gone {
			found = found || public.Equal(key.Public())
		}
		if !found {
			kept = append(kept, public)
		}
	}
	return kept
}
