package mtls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served is the serial number of the certificate that a guest meets.
func (w *world) served(t *testing.T, i *Identity) string {
	t.Helper()
	guest := issue(t, &w.ca, named(allowedName))
	state, serverErr, clientErr := meet(t, i.Server(), w.client(&guest))
	require.NoError(t, errors.Join(serverErr, clientErr))
	return state.PeerCertificates[0].SerialNumber.String()
}

func serial(p pair) string { return p.Certificate.SerialNumber.String() }

func (w *world) next(t *testing.T) pair {
	t.Helper()
	return issue(t, &w.ca, named("guard.example.com"))
}

// TestRefreshGoesByContent: nothing new is no reload, whatever the time stamps say.
func TestRefreshGoesByContent(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	begin := i.Status()
	require.False(t, begin.Failing)
	require.Zero(t, begin.Reloads)
	require.NoError(t, os.Chtimes(w.files.Certificate, time.Now(), time.Now().Add(time.Hour)))
	changed, err := i.Refresh(begin.Loaded.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, begin, i.Status())

	next := w.next(t)
	w.write(t, next)
	at := begin.Loaded.Add(2 * time.Minute)
	changed, err = i.Refresh(at)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, serial(next), w.served(t, i))
	require.Equal(t, Status{NotAfter: next.Certificate.NotAfter, Loaded: at, Reloads: 1}, i.Status())
}

// TestHalfARotationChangesNothing: a certificate that was written before its key,
// and the other way round.
func TestHalfARotationChangesNothing(t *testing.T) {
	for name, first := range map[string]func(*world, pair){
		"certificate first": func(w *world, p pair) { put(t, w.files.Certificate, p.CertificatePEM()) },
		"key first":         func(w *world, p pair) { put(t, w.files.Key, p.KeyPEM(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			i := w.load(t)
			next := w.next(t)
			first(w, next)
			for n := range uint64(2) {
				changed, err := i.Refresh(time.Now())
				require.ErrorContains(t, err, "does not go with")
				require.False(t, changed)
				require.Equal(t, serial(w.server), w.served(t, i))
				require.True(t, i.Status().Failing)
				require.Equal(t, n+1, i.Status().Failures)
			}
			w.write(t, next)
			changed, err := i.Refresh(time.Now())
			require.NoError(t, err)
			require.True(t, changed)
			require.Equal(t, serial(next), w.served(t, i))
			require.False(t, i.Status().Failing)
		})
	}
}

// TestBrokenFilesKeepTheLastGood: every way in which a start would fail, and
// every length at which a file can be cut off.
func TestBrokenFilesKeepTheLastGood(t *testing.T) {
	w := newWorld(t)
	put(t, w.files.ClientCA, append(w.ca.CertificatePEM(), authority(t).CertificatePEM()...))
	i := w.load(t)
	next := w.next(t)
	other := authority(t)
	whole := map[string][]byte{w.files.Certificate: next.CertificatePEM(), w.files.Key: next.KeyPEM(t), w.files.ClientCA: append(other.CertificatePEM(), w.ca.CertificatePEM()...)}
	for path, content := range whole {
		put(t, path, content)
	}
	for path, content := range whole {
		text := bytes.TrimRight(content, "\n")
		for n := range text {
			if bytes.HasSuffix(bytes.TrimSpace(text[:n]), []byte("-----END CERTIFICATE-----")) {
				continue // a whole bundle of fewer: nobody could tell
			}
			put(t, path, text[:n])
			changed, err := i.Refresh(time.Now())
			require.Error(t, err, "%s cut at %d of %d", filepath.Base(path), n, len(text))
			require.False(t, changed)
		}
		put(t, path, content)
	}
	require.Equal(t, serial(w.server), w.served(t, i))
	changed, err := i.Refresh(time.Now())
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, serial(next), w.served(t, i))
}

// TestEndedCertificateIsNotTakenOver: a wrong file must not replace one that works.
func TestEndedCertificateIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	next := issue(t, &w.ca, func(c *x509.Certificate) { named("guard.example.com")(c); c.NotAfter = time.Now().Add(time.Minute) })
	w.write(t, next)
	_, err := i.Refresh(next.Certificate.NotAfter.Add(time.Second))
	require.ErrorContains(t, err, "ended at")
	require.Equal(t, serial(w.server), w.served(t, i))

	_, err = i.Refresh(next.Certificate.NotBefore.Add(-time.Second))
	require.ErrorContains(t, err, "is not valid before")
	changed, err := i.Refresh(time.Now())
	require.NoError(t, err)
	require.True(t, changed, "the same bytes are good once their time has come")
}

// TestSymlinkSwap is how a mounted Secret changes: one rename, all three files.
func TestSymlinkSwap(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	fill := func(name string, p pair) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		w.files.Certificate, w.files.Key, w.files.ClientCA = filepath.Join(dir, name, "tls.crt"), filepath.Join(dir, name, "tls.key"), filepath.Join(dir, name, "ca.crt")
		w.write(t, p)
		put(t, w.files.ClientCA, w.ca.CertificatePEM())
	}
	next := w.next(t)
	fill("one", w.server)
	fill("two", next)
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Symlink("one", data))
	w.files.Certificate, w.files.Key, w.files.ClientCA = filepath.Join(data, "tls.crt"), filepath.Join(data, "tls.key"), filepath.Join(data, "ca.crt")
	i := w.load(t)
	require.Equal(t, serial(w.server), w.served(t, i))

	require.NoError(t, os.Symlink("two", data+".new"))
	require.NoError(t, os.Rename(data+".new", data))
	changed, err := i.Refresh(time.Now())
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, serial(next), w.served(t, i))
}

// TestAuthoritiesOverlap: the old and the new one together, then the new one.
func TestAuthoritiesOverlap(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	after := authority(t)
	before, later := issue(t, &w.ca, named(allowedName)), issue(t, &after, named(allowedName))
	welcome := func(p pair) bool {
		_, serverErr, _ := meet(t, i.Server(), w.client(&p))
		return serverErr == nil
	}
	step := func(bundle []byte) {
		put(t, w.files.ClientCA, bundle)
		changed, err := i.Refresh(time.Now())
		require.NoError(t, err)
		require.True(t, changed)
	}
	require.True(t, welcome(before))
	require.False(t, welcome(later))
	step(append(w.ca.CertificatePEM(), after.CertificatePEM()...))
	require.True(t, welcome(before))
	require.True(t, welcome(later))
	step(after.CertificatePEM())
	require.False(t, welcome(before))
	require.True(t, welcome(later))
}

// TestConnectionsOutliveAReload: what is under way is not lost, while many others
// shake hands.
func TestConnectionsOutliveAReload(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", i.Server())
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer conn.Close(); _, _ = io.Copy(conn, conn) })
		}
	})
	guest := issue(t, &w.ca, named(allowedName))
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", listener.Addr().String(), w.client(&guest))
		require.NoError(t, err)
		return conn
	}
	old := dial()
	require.NoError(t, exchange(old))

	var dialling sync.WaitGroup
	stop := make(chan struct{})
	failures := make(chan error, 4)
	for range 4 {
		dialling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := tls.Dial("tcp", listener.Addr().String(), w.client(&guest))
				if err == nil {
					err = errors.Join(exchange(conn), conn.Close())
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	var last pair
	for range 20 {
		last = w.next(t)
		w.write(t, last)
		_, err := i.Refresh(time.Now())
		require.NoError(t, err)
	}
	close(stop)
	dialling.Wait()
	require.Empty(t, failures)

	require.NoError(t, exchange(old), "a connection from before the first reload")
	require.Equal(t, serial(w.server), old.ConnectionState().PeerCertificates[0].SerialNumber.String())
	fresh := dial()
	require.NoError(t, exchange(fresh))
	require.Equal(t, serial(last), fresh.ConnectionState().PeerCertificates[0].SerialNumber.String())
	require.NoError(t, errors.Join(old.Close(), fresh.Close(), listener.Close()))
	serving.Wait()
}

func exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}
