package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// fileRows are those in which a file that the programs read is broken.
func fileRows() []row {
	return []row{
		{
			name: "unparsable policy on reload", passes: true, expected: "all pass: the last good policy stays, and a metric and an error tell of it until the file is mended",
			strike: func(s *scene) time.Time {
				const broken = "apiVersion: kubernetes-mcp-edge/v1\nhosts: [\n"
				return s.broken(s.policyFile(), []byte(broken), s.guardLog(), "the last good policy stays in use", "policy reloaded")
			},
		},
		{
			name: "truncated signing keys on reload", passes: true, expected: "all pass: the last good keys stay, and an error is logged until the file is mended",
			strike: func(s *scene) time.Time {
				return s.truncated(s.signingKey(), s.guardLog(), "the last good signing keys stay in use", "signing keys reloaded")
			},
		},
		{
			name: "truncated signing keys at a restart", expected: "the guard does not start, and says why; 503 until the file is mended",
			strike: func(s *scene) time.Time {
				whole := s.cut(s.signingKey())
				s.guard.Kill()
				s.refusesToStart("extproc", "signing keys", world.binaries.Extproc, s.guardFlags()...)
				s.failures(many)
				require.NoError(s.t, os.WriteFile(s.signingKey(), whole, 0o600))
				s.startGuard(s.t, false)
				return time.Now()
			},
		},
		{
			name: "truncated JWKS on reload", passes: true, expected: "all pass: the last good keys stay, and an error is logged until the file is mended",
			strike: func(s *scene) time.Time {
				return s.truncated(s.keySet(), s.backendLog(), "keys not reloaded, the last good ones stay", "keys reloaded")
			},
		},
		{
			name: "truncated JWKS at a restart", expected: "the backend does not start, and says why; 503 until the file is mended",
			tells: only(kubeheader.ReasonBackendUnavailable),
			strike: func(s *scene) time.Time {
				whole := s.cut(s.keySet())
				s.backend.Kill()
				s.refusesToStart("mcpbackend", "key set", world.binaries.MCPBackend, s.backendFlags()...)
				s.failures(many / 2) // the witness serves on
				require.NoError(s.t, os.WriteFile(s.keySet(), whole, 0o600))
				s.startBackend(s.t, false)
				return time.Now()
			},
		},
	}
}

// accessLog is where Envoy's configuration names the file of its access log.
var accessLog = regexp.MustCompile(`path: "[^"]*access\.log"`)

var errNotYet = errors.New("not yet")

// cut leaves the first half of a file and returns all of what it was.
func (s *scene) cut(file string) []byte {
	s.t.Helper()
	whole, err := os.ReadFile(file)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, whole[:len(whole)/2], 0o600))
	return whole
}

// truncated is broken with the first half of the file.
func (s *scene) truncated(file, log, broken, mended string) time.Time {
	s.t.Helper()
	whole, err := os.ReadFile(file)
	require.NoError(s.t, err)
	return s.broken(file, whole[:len(whole)/2], log, broken, mended)
}

// broken puts something else into a file that is followed, until the program has
// said so, and mends it, until the program has said that too. The mended file has
// a line break more, or there would be nothing new to say.
func (s *scene) broken(file string, content []byte, log, broken, mended string) time.Time {
	s.t.Helper()
	at := s.bookmark(s.t)
	whole, err := os.ReadFile(file)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, content, 0o600))
	s.logs(at, log, broken)
	s.metric(file, 0)
	s.answers(100)
	require.NoError(s.t, os.WriteFile(file, append(whole, '\n'), 0o600))
	s.logs(at, log, mended)
	s.metric(file, 1)
	return time.Now()
}

// metric waits until the guard's metrics say of a file of the guard's whether its
// last read was of use.
func (s *scene) metric(file string, of int) {
	s.t.Helper()
	name, ok := map[string]string{s.policyFile(): "policy", s.signingKey(): "signing-key"}[file]
	if !ok {
		return
	}
	want := fmt.Sprintf("kube_guard_last_reload_successful{file=%q} %d\n", name, of)
	require.NoError(s.t, harness.Until(soon(s.t), func(ctx context.Context) error {
		text, err := page(ctx, "http://"+s.guardAdmin+"/metrics")
		if err == nil && !strings.Contains(text, want) {
			err = errors.New("the metrics lack " + want)
		}
		return err
	}))
}

// logs waits until a log has a text since a bookmark.
func (s *scene) logs(at bookmark, log, text string) {
	s.t.Helper()
	require.NoError(s.t, harness.Until(soon(s.t), func(context.Context) error {
		if !bytes.Contains(at.since(s.t, log), []byte(text)) {
			return fmt.Errorf("%q is not logged", text)
		}
		return nil
	}))
}

// refusesToStart runs a program, which has to end by itself and to name what is
// wrong.
func (s *scene) refusesToStart(name, says, binary string, args ...string) {
	s.t.Helper()
	ready := func(context.Context) error { return errNotYet }
	_, err := harness.Spawn(s.t.Context(), s.dir, name+"-broken", ready, binary, args...)
	require.ErrorContains(s.t, err, name+"-broken ended: exit status 1")
	require.ErrorContains(s.t, err, says)
}

// deafRows are those in which what a program logs goes to a device that is full.
func deafRows() []row {
	const expected = "all pass: a line that cannot be written is lost, and nothing else"
	pass := func(s *scene) time.Time {
		s.answers(300)
		return time.Now()
	}
	return []row{
		{
			name: "the guard logs to /dev/full", passes: true, expected: expected, deaf: "guard", strike: pass,
			before: func(s *scene) string {
				s.guard.Kill()
				s.startGuard(s.t, true)
				return s.guardAt
			},
			after: func(s *scene) {
				s.guard.Kill()
				s.startGuard(s.t, false)
			},
		},
		{
			name: "the backend logs to /dev/full", passes: true, expected: expected, deaf: "backend", strike: pass,
			before: func(s *scene) string {
				s.backend.Kill()
				s.startBackend(s.t, true)
				return s.guardAt
			},
			after: func(s *scene) {
				s.backend.Kill()
				s.startBackend(s.t, false)
			},
		},
		deafEnvoy(expected, pass),
	}
}

// deafEnvoy starts two more Envoys, whose access log is full.
func deafEnvoy(expected string, pass func(*scene) time.Time) row {
	var whole, open *harness.Stack
	return row{
		name: "Envoy's access log is /dev/full", passes: true, expected: expected, strike: pass,
		before: func(s *scene) string {
			deaf := labOptions{edit: func(config []byte) ([]byte, error) {
				return accessLog.ReplaceAll(config, []byte("path: /dev/full")), nil
			}}
			whole, open = s.real, s.open
			s.real, s.open = s.startEnvoy(s.t, s.backAt, deaf), s.startEnvoy(s.t, s.witness.address, deaf)
			for _, e := range []*harness.Stack{s.real, s.open} {
				text, err := page(s.t.Context(), e.EnvoyAdmin+"/config_dump")
				require.NoError(s.t, err)
				require.Contains(s.t, text, `"path": "/dev/full"`)
			}
			return s.guardAt
		},
		after: func(s *scene) { s.real, s.open = whole, open },
	}
}
