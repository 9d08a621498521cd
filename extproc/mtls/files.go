package mtls

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubernetes-mcp-edge/extproc/smallfile"
)

// maxFile is more than any of the files needs; a bundle of a hundred authorities
// has 200 KiB.
const maxFile = 1 << 20

const certificateType = "CERTIFICATE"

// loaded is one content of the files.
type loaded struct {
	digest      [sha256.Size]byte
	certificate tls.Certificate
	clientCAs   *x509.CertPool
	notAfter    time.Time
}

// read returns what the files hold, or nil if that is in use already. Kubernetes
// swaps mounted files by a symbolic link, which changes no time stamp that could
// be relied on, so the content decides.
func (i *Identity) read(now time.Time) (*loaded, error) {
	certificate, err := smallfile.Read(i.files.Certificate, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate: %w", err)
	}
	key, err := smallfile.ReadPrivate(i.files.Key, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS key: %w", err)
	}
	defer clear(key)
	authorities, err := smallfile.Read(i.files.ClientCA, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client CA: %w", err)
	}
	next := &loaded{digest: digestOf(certificate, key, authorities)}
	if used := i.current.Load(); used != nil && used.digest == next.digest {
		return nil, nil //nolint:nilnil // nothing new, and nothing wrong
	}
	if err := next.identify(i.files, certificate, key, now); err != nil {
		return nil, err
	}
	if err := next.trust(i.files.ClientCA, authorities, now); err != nil {
		return nil, err
	}
	return next, nil
}

// digestOf hashes the files together, each with its length before it.
func digestOf(files ...[]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, content := range files {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(content)))) // a hash never fails
		_, _ = h.Write(content)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// identify takes the port's own certificate and key.
func (l *loaded) identify(f Files, certificate, key []byte, now time.Time) error {
	chain, err := parseCertificates(f.Certificate, certificate)
	if err != nil {
		return fmt.Errorf("reading the TLS certificate: %w", err)
	}
	if err := checkKey(f.Key, key); err != nil {
		return fmt.Errorf("reading the TLS key: %w", err)
	}
	l.certificate, err = tls.X509KeyPair(certificate, key)
	if err != nil {
		// Its text tells types apart and quotes nothing.
		return fmt.Errorf("the TLS key in %s does not go with the certificate in %s: write both of one pair (%w)", f.Key, f.Certificate, err)
	}
	leaf := chain[0]
	if err := checkLeaf(leaf, now); err != nil {
		return fmt.Errorf("the TLS certificate in %s %w", f.Certificate, err)
	}
	for _, c := range chain {
		l.until(c.NotAfter)
	}
	return nil
}

// checkLeaf refuses what no client would take. Its error goes on from the subject.
func checkLeaf(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("ended at %s: put a new one there", stamp(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("is not valid before %s: check the clock of this machine, or put another one there", stamp(leaf.NotBefore))
	case len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return errors.New("is not for servers: its extended key usage needs serverAuth, or clients refuse it")
	case len(leaf.DNSNames)+len(leaf.URIs)+len(leaf.IPAddresses) == 0:
		return errors.New("has no subjectAltName: make one with the name that Envoy is told to expect")
	}
	return nil
}

// trust takes the authorities of the clients. One that has ended stays in a
// bundle without harm; all ended is a fault.
func (l *loaded) trust(path string, content []byte, now time.Time) error {
	authorities, err := parseCertificates(path, content)
	if err != nil {
		return fmt.Errorf("reading the client CA: %w", err)
	}
	l.clientCAs = x509.NewCertPool()
	usable := false
	for _, c := range authorities {
		l.clientCAs.AddCert(c)
		if now.After(c.NotAfter) {
			continue
		}
		usable = true
		l.until(c.NotAfter)
	}
	if !usable {
		return fmt.Errorf("every client CA in %s has ended: no client could connect; put one there that is valid", path)
	}
	return nil
}

// until moves the end of what is loaded to t, if that is sooner.
func (l *loaded) until(t time.Time) {
	if l.notAfter.IsZero() || t.Before(l.notAfter) {
		l.notAfter = t
	}
}

// parseCertificates reads a file of certificates: at least one, and no block of
// another type. The text that tools write between blocks is allowed. A file that
// was cut off is an error, where x509 would take what is whole.
func parseCertificates(path string, content []byte) ([]*x509.Certificate, error) {
	blocks, err := decode(path, content)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for n, block := range blocks {
		if block.Type != certificateType {
			return nil, fmt.Errorf("%s holds a block of type %q: it is for certificates alone", path, shorten(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in %s cannot be read: replace it (%w)", n+1, path, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// checkKey wants one private key and no more than the parameters that openssl
// writes before it. tls would take the first of several.
func checkKey(path string, content []byte) error {
	blocks, err := decode(path, content)
	if err != nil {
		return err
	}
	keys := 0
	for _, block := range blocks {
		defer clear(block.Bytes)
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return fmt.Errorf("the key in %s is encrypted: store it without a passphrase, readable by this user alone", path)
		case block.Type == "EC PARAMETERS":
		case block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY"):
			keys++
		default:
			return fmt.Errorf("%s holds a block of type %q: it is for one private key", path, shorten(block.Type))
		}
	}
	if keys != 1 {
		return fmt.Errorf("%s holds %d private keys: want one", path, keys)
	}
	return nil
}

// decode splits PEM and fails if any block that begins is not whole.
func decode(path string, content []byte) ([]*pem.Block, error) {
	begun := bytes.Count(content, []byte("-----BEGIN "))
	var blocks []*pem.Block
	rest := content
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	switch {
	case begun == 0:
		return nil, fmt.Errorf("%s holds no PEM block (-----BEGIN …): write the file anew", path)
	case len(blocks) != begun, beginsBlock(rest):
		return nil, fmt.Errorf("%s is cut off or damaged: %d of its PEM blocks are whole; write the file anew", path, len(blocks))
	}
	return blocks, nil
}

// beginsBlock reports whether the last line is the beginning of a BEGIN line.
func beginsBlock(rest []byte) bool {
	last := rest[bytes.LastIndexByte(rest, '\n')+1:]
	begin := []byte("-----BEGIN ")
	return len(last) > 0 && len(last) <= len(begin) && bytes.Equal(last, begin[:len(last)])
}

func shorten(s string) string { return s[:min(len(s), 40)] }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
