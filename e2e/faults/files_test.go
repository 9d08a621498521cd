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
				return s.broken(s.policyFile(), []byte(broken), s.guardFollows("policy", "policy"), s.backendFollows("policy", "policy"))
			},
		},
		{
			name: "truncated signing keys on reload", passes: true, expected: "all pass: the last good keys stay, and a metric and an error tell of it until the file is mended",
			strike: func(s *scene) time.Time {
				return s.truncated(s.signingKey(), s.guardFollows("signing keys", "signing-key"))
			},
		},
		{
			name: "truncated signing keys at a restart", expected: "the guard does not start, and says why; 503 until the file is mended",
			strike: func(s *scene) time.Time {
				whole := s.cut(s.signingKey())
				s.guard.Kill()
				s.refusesToStart("extproc", "signing keys", world.Binaries.Extproc, s.guardFlags()...)
				s.failures(many)
				require.NoError(s.t, os.WriteFile(s.signingKey(), whole, 0o600))
				s.startGuard(s.t, false)
				return time.Now()
			},
		},
		{
			name: "truncated JWKS on reload", passes: true, expected: "all pass: the last good keys stay, and a metric and an error tell of it until the file is mended",
			strike: func(s *scene) time.Time {
				return s.truncated(s.keySet(), s.backendFollows("keys", "keys"))
			},
		},
		{
			name: "truncated JWKS at a restart", expected: "the backend does not start, and says why; 503 until the file is mended",
			tells: only(kubeheader.ReasonBackendUnavailable), lossy: true,
			strike: func(s *scene) time.Time {
				whole := s.cut(s.keySet())
				s.backend.Kill()
				s.refusesToStart("mcpbackend", "key set", world.Binaries.MCPBackend, s.backendFlags()...)
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

// follower is what a program says of a file that it follows.
type follower struct {
	log            string // file
	broken, mended string // in the log
	metrics        string // URL
	useful         string // metric, 1 if the last read was of use
}

// guardFollows are the guard's words for a file: its log's and its metrics'.
func (s *scene) guardFollows(what, label string) follower {
	return follower{
		s.guardLog(), "the last good " + what + " stay", what + " reloaded",
		"http://" + s.guardAdmin + "/metrics", fmt.Sprintf("kube_guard_last_reload_successful{file=%q}", label),
	}
}

// backendFollows are the backend's.
func (s *scene) backendFollows(what, label string) follower {
	return follower{
		s.backendLog(), what + " not reloaded, the last good state stays in force", what + " reloaded",
		"http://" + s.backAdmin + "/metrics", fmt.Sprintf("kube_backend_last_reload_successful{file=%q}", label),
	}
}

// truncated is broken with the first half of the file.
func (s *scene) truncated(file string, by ...follower) time.Time {
	s.t.Helper()
	whole, err := os.ReadFile(file)
	require.NoError(s.t, err)
	return s.broken(file, whole[:len(whole)/2], by...)
}

// broken puts something else into a file that is followed, until all that follow
// it have said so, and mends it, until they have said that too. The mended file
// has a line break more, or there would be nothing new to say.
func (s *scene) broken(file string, content []byte, by ...follower) time.Time {
	s.t.Helper()
	at := s.bookmark(s.t)
	whole, err := os.ReadFile(file)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, content, 0o600))
	for _, f := range by {
		s.logs(at, f.log, f.broken)
		s.measures(f.metrics, f.useful+" 0\n")
	}
	s.answers(100)
	require.NoError(s.t, os.WriteFile(file, append(whole, '\n'), 0o600))
	for _, f := range by {
		s.logs(at, f.log, f.mended)
		s.measures(f.metrics, f.useful+" 1\n")
	}
	return time.Now()
}

// measures waits until a program's metrics hold a line.
func (s *scene) measures(url, line string) {
	s.t.Helper()
	require.NoError(s.t, harness.Until(soon(s.t), func(ctx context.Context) error {
		text, err := page(ctx, url)
		if err == nil && !strings.Contains(text, line) {
			err = errors.New("the metrics lack " + line)
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
			name: "the guard logs to /dev/full", passes: true, expected: expected, strike: pass,
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
			name: "the backend logs to /dev/full", passes: true, expected: expected, unheard: true, strike: pass,
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
