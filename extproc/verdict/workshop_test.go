package verdict

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
)

// keyed are facts with a client key of this size.
func keyed(size int) Facts { return facts(kubeheader.ClientKey, strings.Repeat("k", size)) }

var (
	cheapFacts = keyed(dearKey - 1)
	dearFacts  = keyed(dearKey)
)

// within works for a while at a place, once there is one.
func within(w workshop, f Facts, work func()) {
	leave, err := w.enter(context.Background(), f)
	if err == nil {
		work()
		leave()
	}
}

// enter requires a place at once.
func enter(t *testing.T, w workshop, f Facts) (leave func()) {
	t.Helper()
	leave, err := w.enter(t.Context(), f)
	require.NoError(t, err)
	return leave
}

func TestWorkshopHoldsAsManyAsThereAreProcessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(3)
		leave := []func(){enter(t, w, cheapFacts), enter(t, w, cheapFacts), enter(t, w, dearFacts)}
		var entered atomic.Int32
		for range 2 {
			go within(w, cheapFacts, func() { entered.Add(1) })
			synctest.Wait()
		}
		require.Zero(t, entered.Load())
		for _, l := range leave {
			l()
		}
		synctest.Wait()
		require.EqualValues(t, 2, entered.Load())
		require.Empty(t, w.places)
		require.Empty(t, w.narrow)
	})
}

// TestDearWorkLeavesRoom: any number of requests that take long to check keep
// others waiting only for as many of them as the narrow door lets through.
func TestDearWorkLeavesRoom(t *testing.T) {
	for processors, want := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 9: 4} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorkshop(processors)
			const work = time.Second
			for range 100 {
				go within(w, dearFacts, func() { time.Sleep(work) }) //nolint:forbidigo // the bubble's clock
			}
			synctest.Wait()
			behind, began := len(w.narrow), time.Now()
			enter(t, w, cheapFacts)()
			waited := time.Since(began)
			// The bubble's clock stops with its first goroutine: a test that failed
			// before all have left would end as a deadlock and not say why.
			time.Sleep(200 * work) //nolint:forbidigo // the bubble's clock
			require.Equal(t, want, behind, "%d processors", processors)
			require.LessOrEqual(t, waited, work, "%d processors", processors)
			if processors > 1 {
				require.Zero(t, waited, "%d processors", processors)
			}
			require.Empty(t, w.places)
			require.Empty(t, w.narrow)
		})
	}
}

// TestTurnsAreInOrder: who comes later does not pass who waits.
func TestTurnsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(1)
		leave := enter(t, w, cheapFacts)
		var order []int
		for i := range 10 {
			go within(w, cheapFacts, func() { order = append(order, i) })
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order)
	})
}

func TestWaitingEndsWithTheStream(t *testing.T) {
	for name, row := range map[string]struct{ inside, waits Facts }{
		"at the door": {cheapFacts, cheapFacts}, "at the narrow door": {dearFacts, dearFacts}, "between the doors": {cheapFacts, dearFacts},
	} {
		w := newWorkshop(1)
		leave := enter(t, w, row.inside)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.enter(ctx, row.waits)
		require.ErrorIs(t, err, context.Canceled, name)
		leave()
		require.Empty(t, w.places, name)
		require.Empty(t, w.narrow, name)
	}
}

// TestHitsNeverWait: the workshop is full, and a verdict that is remembered is
// given all the same, while one that is not ends with its stream.
func TestHitsNeverWait(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	answer(t, e, good(ca, "alice"), epoch)
	for range runtime.GOMAXPROCS(0) {
		enter(t, e.workshop, cheapFacts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := e.Decide(ctx, good(ca, "alice"), epoch)
	require.NoError(t, err)
	require.True(t, d.Cached)
	d, err = e.Decide(ctx, good(ca, "bob"), epoch)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, d)
	require.Equal(t, 1, signer.sealed)
}

// TestEveryEndLeavesTheWorkshop: a place that is not given back is gone for good.
func TestEveryEndLeavesTheWorkshop(t *testing.T) {
	ca := newCertificate(t)
	for name, change := range map[string]func(*Config){
		"allowed":        func(*Config) {},
		"signer fails":   func(c *Config) { c.Signer = mute{c.Signer} },
		"encoder panics": func(c *Config) { c.Encode = func(Allow) ([]byte, error) { panic("") } }, //nolint:forbidigo // broken on purpose
		"policy forbids": func(c *Config) {
			p := rules(t)
			p.Header.AllowToken = false
			c.Policy = func() *policy.Policy { return p }
		},
		"nothing is well": func(c *Config) { c.Policy = func() *policy.Policy { return &policy.Policy{} } },
	} {
		e, _ := newEngine(t, change)
		for range 3 * runtime.GOMAXPROCS(0) {
			func() {
				defer func() { _ = recover() }()
				_, _ = e.Decide(t.Context(), good(ca, "abc"), epoch)
			}()
		}
		require.Empty(t, e.workshop.places, name)
	}
}

// TestDearBySize: RSA keys above 2048 bits are dear however they are written,
// and what honest callers send most is not.
func TestDearBySize(t *testing.T) {
	require.False(t, dear(good(newCertificate(t), strings.Repeat("a", 8192))))
	pair := newCertificate(t)
	require.False(t, dear(facts(kubeheader.ClientCertificate, pair.cert, kubeheader.ClientKey, pair.key)))
	for bits, want := range map[int]bool{2048: false, 3072: true, 4096: true} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		pkcs1 := x509.MarshalPKCS1PrivateKey(key)
		short := "-----BEGIN RSA PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString(pkcs1) + "\n-----END RSA PRIVATE KEY-----"
		long := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), "\n", "\r\n")
		for _, text := range []string{short, long} {
			value := base64.StdEncoding.EncodeToString([]byte(text))
			require.Equal(t, want, dear(facts(kubeheader.ClientKey, value)), "%d bits in %d bytes", bits, len(value))
		}
	}
	require.True(t, dear(facts(kubeheader.CertificateAuthority, strings.Repeat("c", dearTotal))), "a long list of certificates")
}
