package verdict

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// newRSA is a self-signed certificate with an RSA key of this size.
func newRSA(tb testing.TB, bits int) certificate {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(tb, err)
	return selfSigned(tb, key)
}

// withKey are facts with a client certificate, and a namespace that makes them new.
func withKey(ca, pair certificate, n int) Facts {
	return facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert,
		kubeheader.ClientCertificate, pair.cert, kubeheader.ClientKey, pair.key, kubeheader.Namespace, fmt.Sprint("n-", n))
}

// BenchmarkUnderFlood measures how long an honest caller with a P-256 key, never
// seen before, waits for a verdict while others send RSA-4096 keys without pause.
func BenchmarkUnderFlood(b *testing.B) {
	ca, heavy := newCertificate(b), newRSA(b, 4096)
	for _, attackers := range []int{0, 8, 64, 512} {
		b.Run(fmt.Sprintf("attackers=%d", attackers), func(b *testing.B) {
			e, _ := newEngine(b)
			e.config.Signer = e.config.Signer.(*spy).Sealer // the spy is for one goroutine
			stop := make(chan struct{})
			var flood sync.WaitGroup
			for a := range attackers {
				flood.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
							_, _ = e.Decide(b.Context(), withKey(ca, heavy, a<<32+n), epoch)
						}
					}
				})
			}
			took := make([]time.Duration, 0, b.N)
			for n := 0; b.Loop(); n++ {
				f := withKey(ca, ca, -n)
				began := time.Now()
				if _, err := e.Decide(b.Context(), f, epoch); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			close(stop)
			flood.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
