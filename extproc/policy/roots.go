package policy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

var errNoRoots = errors.New("it holds no certificate; write the path of a PEM bundle of CERTIFICATE blocks")

// maxRoots bounds the publicRootsFile, in bytes. All roots that a browser
// trusts take a quarter of a MiB.
const maxRoots = 8 << 20

// parseRoots reads a bundle of CERTIFICATE blocks, with any text between them
// as such bundles have. Unlike CertPool.AppendCertsFromPEM it refuses a bundle
// of which it would have to skip a part.
func parseRoots(bundle []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	read := 0
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		read++
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("block %d is a %s; keep CERTIFICATE blocks only", read, block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w; remove or replace it", read, err)
		}
		pool.AddCert(certificate)
	}
	switch begun := bytes.Count(bundle, []byte("-----BEGIN ")); {
	case begun == 0:
		return nil, errNoRoots
	case begun != read:
		return nil, fmt.Errorf("only %d of %d blocks are whole PEM; replace the broken ones", read, begun)
	}
	return pool, nil
}
