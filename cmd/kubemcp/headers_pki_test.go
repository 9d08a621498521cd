package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// headerCommands are what the scripts of the headers need beside exec.
func headerCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"pki":    pkiCommand,
		"fill":   fillCommand,
		"holds":  holdsCommand,
		"silent": silentCommand,
	}
}

// makePKI writes ca.crt, alice.crt and alice.key (PKCS#8), and bob.crt and
// bob.key (SEC 1, as openssl ecparam -genkey writes it).
func makePKI(dir string) error {
	caKey, ca, err := makeCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	if err != nil {
		return err
	}
	files := map[string][]byte{"ca.crt": encode("CERTIFICATE", ca.Raw)}
	for _, name := range []string{"alice", "bob"} {
		key, leaf, err := makeCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, caKey)
		if err != nil {
			return err
		}
		files[name+".crt"] = encode("CERTIFICATE", leaf.Raw)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		sec1, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return err
		}
		files[name+".key"], files[name+".sec1.key"] = encode("PRIVATE KEY", pkcs8), encode("EC PRIVATE KEY", sec1)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// makeCertificate makes a key and a certificate, signed by itself without a parent.
func makeCertificate(template, parent *x509.Certificate, signer crypto.Signer) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, signer = template, key
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(der)
	return key, made, err
}

// pkiCommand is a script's command: pki makes the files of makePKI where the
// script is.
func pkiCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: pki")
	}
	ts.Check(makePKI(ts.MkAbs(".")))
}

var placeholder = regexp.MustCompile(`@(base64|json):([^@]+)@`)

// expand replaces @base64:FILE@ and @json:FILE@ (a JSON string) by what is in FILE.
func expand(text []byte, read func(string) []byte) []byte {
	return placeholder.ReplaceAllFunc(text, func(match []byte) []byte {
		part := placeholder.FindSubmatch(match)
		content := read(string(part[2]))
		if string(part[1]) == "base64" {
			return []byte(base64.StdEncoding.EncodeToString(content))
		}
		quoted, _ := json.Marshal(string(content)) // strings always marshal
		return quoted
	})
}

// fillCommand is a script's command: fill FILE… replaces placeholders in place.
func fillCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		filled := expand([]byte(ts.ReadFile(name)), func(file string) []byte { return []byte(ts.ReadFile(file)) })
		ts.Check(os.WriteFile(ts.MkAbs(name), filled, 0o600))
	}
}

// holdsCommand is a script's command: holds HEADER FILE says that the header in
// the JSON object on standard output is the base64 of FILE.
func holdsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: holds HEADER FILE")
	}
	var headers map[string]string
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &headers))
	value, err := base64.StdEncoding.Strict().DecodeString(headers[args[0]])
	ts.Check(err)
	if bytes.Equal(value, []byte(ts.ReadFile(args[1]))) == neg {
		ts.Fatalf("%s and %s: equal is %v", args[0], args[1], neg)
	}
}

// silentCommand is a script's command: silent FILE… says that standard error
// holds neither of these files' content nor a line of it.
func silentCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: silent FILE...")
	}
	for _, name := range args {
		if where := leak(ts.ReadFile("stderr"), ts.ReadFile(name)); where != "" {
			ts.Fatalf("standard error holds %s, %s", name, where)
		}
	}
}

// leak finds a line of a secret in text, as it is, in base64 at any of the three
// offsets, or in hex; "" if there is none. PEM's own lines are no secret.
func leak(text, secret string) string {
	for line := range strings.Lines(secret) {
		line = strings.TrimSpace(line)
		if len(line) < 8 || strings.HasPrefix(line, "-----") {
			continue
		}
		forms := map[string]string{"raw": line, "in hex": fmt.Sprintf("%x", line)}
		for shift := range 3 {
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + line))
			forms[fmt.Sprintf("in base64, offset %d", shift)] = encoded[4 : len(encoded)-4]
		}
		for form, content := range forms {
			if strings.Contains(text, content) {
				return form
			}
		}
	}
	return ""
}

func TestLeakFindsEveryForm(t *testing.T) {
	const secret = "canary-0123456789"
	for offset := range 3 {
		prefix := strings.Repeat("x", offset)
		require.NotEmpty(t, leak("… "+base64.StdEncoding.EncodeToString([]byte(prefix+secret+"suffix")), secret), offset)
	}
	require.NotEmpty(t, leak("… "+secret, secret))
	require.NotEmpty(t, leak(fmt.Sprintf("%x", secret), secret))
	require.Empty(t, leak("nothing of it", secret))
}
