package serve

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/observe"
)

// replace swaps a file the way that a careful operator does: by renaming.
func replace(tb testing.TB, path, content string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(tb, os.Rename(path+".new", path))
}

// verdict asks about a request that only the policy decides.
func (r *running) verdict(ca string) string {
	r.t.Helper()
	_, answer := r.ask(post(
		line(kubeheader.Server, "https://api.example.com"), line(kubeheader.CertificateAuthority, ca), line(kubeheader.Authorization, "abc"))...)
	return verdictOf(answer)
}

func (r *running) logged(text string) int { return strings.Count(r.logs.String(), text) }

// TestPolicyChangeReachesTheNextDecision, remembered verdicts or not.
func TestPolicyChangeReachesTheNextDecision(t *testing.T) {
	r := start(t)
	ca, path := authority(t), r.options.PolicyFile
	require.Equal(t, "allow", r.verdict(ca))
	require.Equal(t, "allow", r.verdict(ca))
	require.Positive(t, r.guard.engine.Stats().Hits, "it is remembered")
	replace(t, path, strings.ReplaceAll(policyYAML, ".example.com", ".example.org"))
	r.guard.files.policy.look(time.Now())
	require.Equal(t, "reject", r.verdict(ca))
	require.Zero(t, r.guard.engine.Stats().Entries, "what was made under the old policy is gone")
	replace(t, path, policyYAML)
	r.guard.files.policy.look(time.Now())
	require.Equal(t, "allow", r.verdict(ca))
	require.Equal(t, 2, r.logged(`"msg":"policy in force"`))
	require.EqualValues(t, 2, r.guard.files.policy.status().Reloads)
}

// TestFilesAreFollowed: nobody has to ask for it.
func TestFilesAreFollowed(t *testing.T) {
	r := start(t, func(g *guard) { g.interval = time.Millisecond })
	ca := authority(t)
	require.Equal(t, "allow", r.verdict(ca))
	replace(t, r.options.PolicyFile, strings.ReplaceAll(policyYAML, ".example.com", ".example.org"))
	require.Eventually(t, func() bool { return r.verdict(ca) == "reject" }, 10*time.Second, time.Millisecond)
}

func TestFilesAreLookedAtOftenEnough(t *testing.T) {
	require.LessOrEqual(t, fileInterval, 10*time.Second, "45 s are promised, most of which a cluster takes to bring the file here")
	g, err := load(options(t, new(syncBuffer)))
	require.NoError(t, err)
	defer g.engine.Close()
	require.Equal(t, fileInterval, g.interval)
}

// TestBadFilesLeaveTheLastGood: requests go on as before, the failure is one
// line however long it lasts, and the metric says that it does.
func TestBadFilesLeaveTheLastGood(t *testing.T) {
	for name, row := range map[string]struct {
		path   func(Options) string
		file   func(*guard) *followed
		good   func(*testing.T, string)
		plural string
	}{
		"policy": {
			func(o Options) string { return o.PolicyFile }, func(g *guard) *followed { return g.files.policy },
			func(t *testing.T, path string) { t.Helper(); replace(t, path, policyYAML+"# mended\n") }, "policy",
		},
		"signing keys": {
			func(o Options) string { return o.SigningKeyFile }, func(g *guard) *followed { return g.files.keys },
			func(t *testing.T, path string) { t.Helper(); writeKeys(t, path, newKey(t)) }, "signing keys",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			ca, path, file := authority(t), row.path(r.options), row.file(r.guard)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			complaint := "the last good " + row.plural + " stay"
			replace(t, path, "half a fi")
			for range 3 {
				file.look(time.Now())
				require.Equal(t, "allow", r.verdict(ca))
			}
			require.Equal(t, 1, r.logged(complaint), "a failure that lasts is one line")
			require.True(t, file.status().Failing)
			require.EqualValues(t, 3, file.status().Failures)
			require.NotContains(t, r.logs.String(), "half a fi")

			require.NoError(t, os.Remove(path))
			file.look(time.Now())
			require.Equal(t, 2, r.logged(complaint), "another failure is another line")
			require.Equal(t, "allow", r.verdict(ca))

			replace(t, path, string(before))
			file.look(time.Now())
			require.Equal(t, 1, r.logged(row.plural+" can be read again"))
			require.False(t, file.status().Failing)
			require.Zero(t, file.status().Reloads, "it is what is in use already")

			row.good(t, path)
			file.look(time.Now())
			require.EqualValues(t, 1, file.status().Reloads)
			require.Equal(t, 1, r.logged(`"msg":"`+row.plural+` reloaded"`))
			require.Equal(t, "allow", r.verdict(ca))
		})
	}
}

// TestPanicOverAFileIsABadFile.
func TestPanicOverAFileIsABadFile(t *testing.T) {
	r := start(t)
	f := r.guard.files.policy
	f.refresh = func(time.Time) (bool, error) { panic("secret") } //nolint:forbidigo // it is what is tested
	f.look(time.Now())
	require.True(t, f.status().Failing)
	require.Equal(t, 1, r.logged("reading the policy: panic of type string"))
	require.NotContains(t, r.logs.String(), "secret")
}

func TestChangedLimitsWaitForTheNextStart(t *testing.T) {
	r := start(t)
	limits := r.guard.limits
	replace(t, r.options.PolicyFile, strings.ReplaceAll(policyYAML, "bodyTimeout: 30s", "bodyTimeout: 31s"))
	r.guard.files.policy.look(time.Now())
	require.Contains(t, r.logs.String(), `"a change of limits takes effect at the next start","keys":["limits.guard.bodyTimeout"`)
	require.Equal(t, limits, r.guard.limits)
}

func TestReloadedPolicyWarnsToo(t *testing.T) {
	r := start(t)
	replace(t, r.options.PolicyFile, "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\n")
	r.guard.files.policy.look(time.Now())
	require.Contains(t, r.logs.String(), "no host is allowed")
}

// TestNothingOutlivesServe: a look at a file that is under way when the drain
// is over is waited for.
func TestNothingOutlivesServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looking, hold := make(chan struct{}), make(chan struct{})
		r := start(t, func(g *guard) {
			g.files.keys.refresh = func(time.Time) (bool, error) {
				close(looking)
				<-hold
				return false, nil
			}
		})
		<-looking
		r.stop()
		synctest.Wait()
		require.Equal(t, 1, r.logged(`"msg":"stopped"`), "the drain is over")
		require.Empty(t, r.ended, "serve is not")
		close(hold)
		require.NoError(t, <-r.ended)
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		f := &followed{refresh: func(time.Time) (bool, error) { looks++; return false, nil }, state: observe.File{}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); f.follow(ctx, time.Minute) }()
		pass(10*time.Minute + time.Second)
		stop()
		<-ended
		require.Equal(t, 10, looks)
	})
}

// TestServeEndsWhenItsPortDoes: it says so and leaves nothing behind.
func TestServeEndsWhenItsPortDoes(t *testing.T) {
	r := start(t)
	require.Equal(t, "allow", r.verdict(authority(t)))
	require.NoError(t, r.listener.Close())
	require.ErrorContains(t, <-r.ended, "serve: ")
	require.ErrorIs(t, r.guard.phase.ready(), errEnded)
}
