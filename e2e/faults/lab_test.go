package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// lab is one guard behind a network that can be broken, and two Envoys that ask
// it: one in front of the backend, and one in front of a witness, which would act
// on anything.
//
//	callers ──► Envoy ──► path (toxiproxy) ──► guard
//	              └─────► backend ──► API server
//	callers ──► Envoy ──► path (toxiproxy) ──► guard
//	              └─────► witness
type lab struct {
	t          *testing.T // what is started ends with it, not with a row
	options    labOptions
	dir        string
	policyText string
	rules      *policy.Policy

	tls     *pki // nil: in the clear
	path    path
	guardAt string // where the guard listens
	// Where the two programs are looked after.
	guardAdmin, backAdmin string
	guard                 *harness.Process
	backAt                string // where the backend listens
	backend               *harness.Process
	witness               *witness

	real, open *harness.Stack // the Envoys
	envoys     int            // started so far
}

// labOptions say what is different about a lab.
type labOptions struct {
	envoy   harness.Binaries // with another Envoy; the zero value is what make chose
	servers []string         // API servers beside the cluster's
	tls     bool             // between Envoy and the guard
	edit    func([]byte) ([]byte, error)
}

// newLab starts one.
func newLab(t *testing.T, o labOptions) *lab {
	t.Helper()
	l := &lab{t: t, options: o, guardAt: freeAddress(t), backAt: freeAddress(t), guardAdmin: freeAddress(t), backAdmin: freeAddress(t)}
	var err error
	l.dir, err = os.MkdirTemp(world.Dir, "l-") //nolint:usetesting // T.TempDir is too long for a socket
	require.NoError(t, err)
	l.policyText, err = harness.Policy(t.Context(), append([]string{world.Cluster.Server}, o.servers...)...)
	require.NoError(t, err)
	l.rules, err = policy.Parse([]byte(l.policyText))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.policyFile(), []byte(l.policyText), 0o600))
	out, err := exec.CommandContext(t.Context(), world.Binaries.KubeMCP, "keys", "new",
		"--signing-key", l.signingKey(), "--keys", l.keySet()).CombinedOutput()
	require.NoError(t, err, string(out))
	if o.tls {
		l.tls = newPKI(t, l.dir)
	}
	l.startBackend(t, false)
	l.startGuard(t, false)
	l.path = newPath(t, l.guardAt)
	keys := filepath.Join(l.dir, "witness.json") // rows break the other one
	content, err := os.ReadFile(l.keySet())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keys, content, 0o600))
	l.witness = newWitness(t, keys, &l.rules.Header)
	l.real = l.startEnvoy(t, l.backAt, o)
	l.open = l.startEnvoy(t, l.witness.address, o)
	return l
}

func (l *lab) policyFile() string { return filepath.Join(l.dir, "policy.yaml") }
func (l *lab) signingKey() string { return filepath.Join(l.dir, "signing-key.pem") }
func (l *lab) keySet() string     { return filepath.Join(l.dir, "keys.json") }

// startEnvoy starts an Envoy of the lab's in front of a backend.
func (l *lab) startEnvoy(t *testing.T, backend string, o labOptions) *harness.Stack {
	t.Helper()
	binaries := o.envoy
	if binaries.Envoy == "" {
		binaries = world.Binaries
	}
	l.envoys++
	dir := filepath.Join(l.dir, fmt.Sprintf("e%d", l.envoys))
	s, err := harness.Start(t.Context(), harness.Options{
		Binaries: binaries, Dir: dir, Envoy: l.tls.link(t, filepath.Join(dir, "sds")), Policy: l.policyText,
		Guard: l.path.address(), Backend: backend, EditEnvoy: o.edit,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("an Envoy before %s printed:\n%s", backend, tail(s.Envoy.Output()))
		}
	})
	return s
}

// startGuard starts the guard where it was before. With deaf, its log goes to a
// device that is full.
func (l *lab) startGuard(t *testing.T, deaf bool) {
	t.Helper()
	l.guard = l.program(t, "extproc", deaf, dials(l.guardAt), world.Binaries.Extproc, l.guardFlags()...)
}

func (l *lab) guardFlags() []string {
	return append([]string{
		"--listen", l.guardAt, "--admin", l.guardAdmin, "--policy", l.policyFile(), "--signing-key", l.signingKey(), "--log-level", "debug",
	}, l.tls.flags()...)
}

func (l *lab) backendFlags() []string {
	return []string{"--listen", l.backAt, "--admin", l.backAdmin, "--policy", l.policyFile(), "--keys", l.keySet()}
}

// startBackend is startGuard for the backend.
func (l *lab) startBackend(t *testing.T, deaf bool) {
	t.Helper()
	l.backend = l.program(t, "mcpbackend", deaf, func(ctx context.Context) error {
		_, err := page(ctx, "http://"+l.backAt+"/healthz")
		return err
	}, world.Binaries.MCPBackend, l.backendFlags()...)
}

// program starts one and ends it with the lab.
func (l *lab) program(t *testing.T, name string, deaf bool, ready func(context.Context) error, path string, args ...string) *harness.Process {
	t.Helper()
	if deaf {
		path, args = "/bin/sh", append([]string{"-c", `exec "$0" "$@" >/dev/full 2>&1`, path}, args...)
	}
	p, err := harness.Spawn(t.Context(), l.dir, name, ready, path, args...)
	require.NoError(t, err)
	l.t.Cleanup(func() {
		p.Kill()
		if l.t.Failed() {
			l.t.Logf("%s printed:\n%s", name, tail(p.Output()))
		}
	})
	return p
}

// tail is the end of an output.
func tail(text []byte) []byte { return text[max(0, len(text)-1500):] }

// dials is ready when a connection can be made.
func dials(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// page reads a page, which has to be there.
func page(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, res.Status)
	}
	return string(text), err
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := harness.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// genuine are headers as the guard sends them on, proof and all.
func (l *lab) genuine(t *testing.T) harness.Headers {
	t.Helper()
	keys, err := proof.LoadSigningKeys(l.signingKey())
	require.NoError(t, err)
	edge := &rig.Edge{Policy: l.rules.Header, Keys: keys}
	return edge.Seal(t, world.Cluster.Token("alice"), time.Now(), rig.Audience)
}

// streams are the calls of a row: to the backend and to the witness, from good
// callers and from bad ones, about two hundred in a second.
func (l *lab) streams(t *testing.T, good []caller) []calls {
	t.Helper()
	evil := badCallers(t, l.genuine(t))
	return []calls{
		{url: l.real.URL, callers: good, every: 10 * time.Millisecond},
		{url: l.real.URL, callers: evil, every: 25 * time.Millisecond},
		{url: l.open.URL, callers: good, every: 25 * time.Millisecond, witnessed: true},
		{url: l.open.URL, callers: evil, every: 25 * time.Millisecond, witnessed: true},
	}
}

// reaches waits until both Envoys have a guard again, as their counters tell.
func (l *lab) reaches(t *testing.T) {
	t.Helper()
	for _, s := range []*harness.Stack{l.real, l.open} {
		require.NoError(t, harness.Until(soon(t), func(ctx context.Context) error {
			text, err := page(ctx, s.EnvoyAdmin+"/clusters")
			if err == nil && !strings.Contains(text, "guard::"+l.path.address()+"::health_flags::healthy") {
				err = errors.New("the guard is not healthy")
			}
			return err
		}))
	}
}
