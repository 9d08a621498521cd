package kubeheader

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// Limits of the *-data headers.
const (
	maxAuthorities    = 16
	maxChain          = 4
	maxCertificateDER = 8 << 10
	maxKeyDER         = 3 << 10
	// maxBlock is more than the base64 of the PEM of the largest certificate:
	// 4/3 for each of the two encodings, line breaks, BEGIN and END.
	maxBlock = 16 << 10
)

// decodeBase64 is the only base64 decoder of the contract. It takes the standard
// or the URL alphabet, with correct padding or with none, and nothing that has a
// second spelling: encoding/base64 in Strict mode refuses stray bits but skips
// CR and LF, so those are refused here. Without padding a value is unambiguous:
// a length of 4n+1 does not exist, and the spare bits must be zero.
func decodeBase64(value []byte) ([]byte, bool) {
	if bytes.ContainsAny(value, "\r\n") {
		return nil, false
	}
	encoding := base64.StdEncoding
	if bytes.ContainsAny(value, "-_") {
		encoding = base64.URLEncoding
	}
	if !bytes.HasSuffix(value, []byte("=")) {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	out := make([]byte, encoding.DecodedLen(len(value)))
	n, err := encoding.Strict().Decode(out, value)
	return out[:n], err == nil
}

// encodeBase64 is the canonical form: the standard alphabet, padded.
func encodeBase64(data []byte) []byte {
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(data))), data)
}

// decodeData reads a header down to its PEM blocks, of which there may be so
// many. Between them only white space may stand: encoding/pem skips what it does
// not understand, so each block must begin where the last one ended, and what
// pem.Decode consumed must hold one BEGIN line. Counting those lines first keeps
// a flood of them from costing more than one pass.
func decodeData(value []byte, most int, tooMany Reason) ([]*pem.Block, Reason) {
	if len(value) > most*maxBlock {
		return nil, ReasonValueTooLarge
	}
	data, ok := decodeBase64(value)
	if !ok {
		return nil, ReasonBase64Malformed
	}
	begin := []byte("-----BEGIN ")
	switch n := bytes.Count(data, begin); {
	case n == 0:
		return nil, ReasonNotPEM
	case n > most:
		return nil, tooMany
	}
	var blocks []*pem.Block
	for rest := trimSpace(data); len(rest) > 0; rest = trimSpace(rest) {
		if !bytes.HasPrefix(rest, begin) {
			return nil, ReasonPEMExtraText
		}
		block, after := pem.Decode(rest)
		if block == nil || bytes.Count(rest[:len(rest)-len(after)], begin) != 1 {
			return nil, ReasonPEMMalformed
		}
		blocks = append(blocks, block)
		rest = after
	}
	return blocks, 0
}

func trimSpace(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// parseCertificates checks all blocks for what is cheap to see, then parses
// them. It returns the certificates and their PEM, encoded again from DER.
func parseCertificates(blocks []*pem.Block) (certs []*x509.Certificate, text []byte, fault Reason) {
	for _, b := range blocks {
		switch {
		case b.Type != "CERTIFICATE":
			return nil, nil, ReasonPEMBlockType
		case len(b.Headers) > 0:
			return nil, nil, ReasonPEMHeaders
		case len(b.Bytes) > maxCertificateDER:
			return nil, nil, ReasonCertificateTooLarge
		}
	}
	for _, b := range blocks {
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, nil, ReasonCertificateMalformed
		}
		certs = append(certs, cert)
		text = append(text, pem.EncodeToMemory(b)...)
	}
	return certs, text, 0
}
