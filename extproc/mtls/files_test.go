package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLoadSaysWhatToMend: one sentence, which names the file or the flag.
func TestLoadSaysWhatToMend(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(w *world)
		want  string // {cert}, {key} and {ca} stand for the paths
	}{
		"no key flag":      {func(w *world) { w.files.Key = "" }, "half configured: pass --tls-key too"},
		"only the list":    {func(w *world) { w.files = Files{AllowedSANs: w.files.AllowedSANs} }, "pass --tls-certificate, --tls-key, --tls-client-ca too"},
		"an empty list":    {func(w *world) { w.files.AllowedSANs = nil }, "pass --tls-client-san too"},
		"no such file":     {func(w *world) { os.Remove(w.files.ClientCA) }, "open {ca}: no such file"},
		"a directory":      {func(w *world) { w.files.Certificate = w.tb.TempDir() }, "is not a regular file"},
		"an open key":      {func(w *world) { require.NoError(w.tb, os.Chmod(w.files.Key, 0o644)) }, "{key} holds a private key and its mode is 0644: run chmod 600"},
		"a huge file":      {func(w *world) { put(w.tb, w.files.ClientCA, make([]byte, maxFile+1)) }, "{ca} is larger than 1024 KiB"},
		"an empty CA":      {func(w *world) { put(w.tb, w.files.ClientCA, nil) }, "{ca} holds no PEM block"},
		"an empty cert":    {func(w *world) { put(w.tb, w.files.Certificate, nil) }, "{cert} holds no PEM block"},
		"an empty key":     {func(w *world) { put(w.tb, w.files.Key, nil) }, "{key} holds no PEM block"},
		"DER":              {func(w *world) { put(w.tb, w.files.Certificate, w.server.Certificate.Raw) }, "{cert} holds no PEM block"},
		"a key in the CA":  {func(w *world) { put(w.tb, w.files.ClientCA, append(w.ca.CertificatePEM(), w.ca.KeyPEM(w.tb)...)) }, `{ca} holds a block of type "PRIVATE KEY": it is for certificates alone`},
		"key with cert":    {func(w *world) { put(w.tb, w.files.Key, append(w.server.KeyPEM(w.tb), w.server.CertificatePEM()...)) }, "{key} holds a block of type"},
		"two keys":         {func(w *world) { put(w.tb, w.files.Key, append(w.server.KeyPEM(w.tb), w.ca.KeyPEM(w.tb)...)) }, "{key} holds 2 private keys: want one"},
		"an encrypted key": {func(w *world) { put(w.tb, w.files.Key, typed("ENCRYPTED PRIVATE KEY", nil)) }, "{key} is encrypted: store it without a passphrase"},
		"an old encrypted key": {func(w *world) {
			put(w.tb, w.files.Key, typed("EC PRIVATE KEY", map[string]string{"DEK-Info": "AES-256-CBC,00"}))
		}, "{key} is encrypted"},
		"no certificate inside": {func(w *world) { put(w.tb, w.files.Certificate, typed("CERTIFICATE", nil)) }, "certificate 1 in {cert} cannot be read: replace it"},
		"no key inside":         {func(w *world) { put(w.tb, w.files.Key, typed("PRIVATE KEY", nil)) }, "{key} does not go with the certificate in {cert}"},
		"another's key":         {func(w *world) { put(w.tb, w.files.Key, w.ca.KeyPEM(w.tb)) }, "{key} does not go with the certificate in {cert}: write both of one pair"},
		"a cut certificate":     {func(w *world) { cut(w.tb, w.files.Certificate) }, "{cert} is cut off or damaged: 0 of its PEM blocks are whole"},
		"a cut key":             {func(w *world) { cut(w.tb, w.files.Key) }, "{key} is cut off or damaged"},
		"a cut bundle":          {func(w *world) { put(w.tb, w.files.ClientCA, twice(w)); cut(w.tb, w.files.ClientCA) }, "{ca} is cut off or damaged: 1 of its PEM blocks are whole"},
		"ended": {func(w *world) {
			w.write(w.tb, issue(w.tb, &w.ca, func(c *x509.Certificate) { c.DNSNames, c.NotAfter = []string{"x"}, time.Now().Add(-time.Second) }))
		}, "{cert} ended at 20"},
		"not yet valid": {func(w *world) {
			w.write(w.tb, issue(w.tb, &w.ca, func(c *x509.Certificate) { c.DNSNames, c.NotBefore = []string{"x"}, time.Now().Add(time.Minute) }))
		}, "{cert} is not valid before 20"},
		"for clients alone": {func(w *world) {
			w.write(w.tb, issue(w.tb, &w.ca, func(c *x509.Certificate) {
				c.DNSNames, c.ExtKeyUsage = []string{"x"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			}))
		}, "{cert} is not for servers"},
		"a common name alone": {func(w *world) { w.write(w.tb, issue(w.tb, &w.ca, nil)) }, "{cert} has no subjectAltName"},
		"ended CAs": {func(w *world) {
			put(w.tb, w.files.ClientCA, issue(w.tb, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }).CertificatePEM())
		}, "every client CA in {ca} has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.spoil(w)
			_, err := Load(w.files)
			require.ErrorContains(t, err, w.paths(row.want))
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func (w *world) paths(text string) string {
	return strings.NewReplacer("{cert}", w.files.Certificate, "{key}", w.files.Key, "{ca}", w.files.ClientCA).Replace(text)
}

func typed(kind string, headers map[string]string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("nothing that could be read")})
}

func twice(w *world) []byte { return append(w.ca.CertificatePEM(), w.server.CertificatePEM()...) }

// cut leaves a file as a writer that was stopped leaves it.
func cut(tb testing.TB, path string) {
	tb.Helper()
	info, err := os.Stat(path)
	require.NoError(tb, err)
	require.NoError(tb, os.Truncate(path, info.Size()-40))
}

// TestWhatToolsWriteIsRead: text around blocks, EC PARAMETERS, an intermediate, an
// old authority beside the new one.
func TestWhatToolsWriteIsRead(t *testing.T) {
	w := newWorld(t)
	ended := issue(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour / 2) })
	put(t, w.files.ClientCA, bytes.Join([][]byte{[]byte("# the old one\n"), ended.CertificatePEM(), []byte("\n# the new one\n"), w.ca.CertificatePEM()}, nil))
	der, err := x509.MarshalECPrivateKey(w.server.Key)
	require.NoError(t, err)
	put(t, w.files.Key, append(typed("EC PARAMETERS", nil), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...))
	put(t, w.files.Certificate, append(w.server.CertificatePEM(), w.ca.CertificatePEM()...))
	i := w.load(t)
	guest := issue(t, &w.ca, named(allowedName))
	_, serverErr, clientErr := meet(t, i.Server(), w.client(&guest))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)
	require.Equal(t, w.server.Certificate.NotAfter, i.Status().NotAfter, "an authority that has ended warns of nothing")
}

// TestStatusWarnsOfTheFirstEnd: whichever of the certificates it is.
func TestStatusWarnsOfTheFirstEnd(t *testing.T) {
	w := newWorld(t)
	soon := func(c *x509.Certificate) { c.DNSNames, c.NotAfter = []string{"x"}, time.Now().Add(time.Minute) }
	own, authority := issue(t, &w.ca, soon), issue(t, nil, soon)
	w.write(t, own)
	require.Equal(t, own.Certificate.NotAfter, w.load(t).Status().NotAfter)
	w.write(t, w.server)
	put(t, w.files.ClientCA, append(w.ca.CertificatePEM(), authority.CertificatePEM()...))
	require.Equal(t, authority.Certificate.NotAfter, w.load(t).Status().NotAfter)
}

func TestWanted(t *testing.T) {
	require.False(t, Files{}.Wanted())
	for _, f := range []Files{{Certificate: "x"}, {Key: "x"}, {ClientCA: "x"}, {AllowedSANs: []string{"x"}}} {
		require.True(t, f.Wanted())
		_, err := Load(f)
		require.ErrorContains(t, err, "half configured")
	}
}
