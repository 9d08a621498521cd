// Package mtls gives a port its identity and its guest list: a certificate that
// is read again while the port is open, and clients that hold a certificate of
// a known authority with a name that the operator listed.
//
// A change of the files reaches the next handshake. Connections that exist live
// on with what they began with, so nothing that is under way is lost; whoever
// takes a client off the list and wants him gone at once restarts the program.
//
// There is no session resumption. What it saves is nothing to a proxy that keeps
// its connections for hours, and what it costs is a door: a ticket says that the
// client was welcome when it was written (TLS 1.2 and 1.3 alike), not that his
// authority and his name are still on the list.
package mtls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Files is what an operator names: paths, and the clients that may connect.
type Files struct {
	// Certificate is a PEM file with the port's certificate and, after it, the
	// intermediates up to an authority that the client knows.
	Certificate string
	// Key is the PEM file with its private key, readable by this program alone.
	Key string
	// ClientCA is a PEM file with the authorities that sign client certificates;
	// during a rotation, the old and the new one.
	ClientCA string
	// AllowedSANs are the clients that may connect, at least one: dns:NAME, or
	// uri:URI as SPIFFE ids are. A name is compared in full; there is no wildcard.
	AllowedSANs []string
}

// Wanted reports whether the operator asked for mutual TLS: he named any of it.
func (f Files) Wanted() bool {
	return f.Certificate != "" || f.Key != "" || f.ClientCA != "" || len(f.AllowedSANs) > 0
}

// missing names the flags that were left out.
func (f Files) missing() string {
	var flags []string
	for _, part := range []struct {
		flag string
		set  bool
	}{
		{"--tls-certificate", f.Certificate != ""},
		{"--tls-key", f.Key != ""},
		{"--tls-client-ca", f.ClientCA != ""},
		{"--tls-client-san", len(f.AllowedSANs) > 0},
	} {
		if !part.set {
			flags = append(flags, part.flag)
		}
	}
	return strings.Join(flags, ", ")
}

// Identity is what the files hold now. It is safe for concurrent use.
type Identity struct {
	files   Files
	allowed guests
	current atomic.Pointer[loaded]
	refused refusals

	mu     sync.Mutex // one reader of the files at a time
	status Status
}

// Status is what a metric or a status page shows.
type Status struct {
	// NotAfter is when the first of the certificates in use ends: those of the
	// port, and the client authorities that had not ended when they were read.
	NotAfter time.Time
	// Loaded is when the files in use were read.
	Loaded time.Time
	// Reloads counts changes that were taken over.
	Reloads uint64
	// Failures counts reads that were of no use; it goes on until the files are mended.
	Failures uint64
	// Failing says that the last read was one of these.
	Failing bool
	// Refused counts clients with a certificate of a known authority and no name
	// on the list. Others do not get as far.
	Refused uint64
	// LastRefusal says who the last of them was.
	LastRefusal string
}

// Load reads the files. The error is one sentence that says what to mend.
func Load(f Files) (*Identity, error) { return load(f, time.Now()) }

func load(f Files, now time.Time) (*Identity, error) {
	if missing := f.missing(); missing != "" {
		return nil, fmt.Errorf("mutual TLS is half configured: pass %s too, or none of the --tls flags", missing)
	}
	allowed, err := parseGuests(f.AllowedSANs)
	if err != nil {
		return nil, err
	}
	i := &Identity{files: f, allowed: allowed}
	if _, err := i.Refresh(now); err != nil {
		return nil, err
	}
	i.status = Status{NotAfter: i.status.NotAfter, Loaded: i.status.Loaded}
	return i, nil
}

// Refresh reads the files again and reports whether they changed. All of them
// count as one: as long as they do not fit together, as when a certificate has
// been replaced and its key not yet, the last good ones stay in use. The error
// repeats until the files are mended.
func (i *Identity) Refresh(now time.Time) (changed bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	next, err := i.read(now)
	i.status.Failing = err != nil
	if err != nil {
		i.status.Failures++
		return false, err
	}
	if next == nil {
		return false, nil
	}
	i.current.Store(next)
	i.status.Reloads++
	i.status.Loaded = now
	i.status.NotAfter = next.notAfter
	return true, nil
}

// Status says what is in use and how reading it went.
func (i *Identity) Status() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.status
	s.Refused, s.LastRefusal = i.refused.read()
	return s
}

// Server is the configuration of the port. It speaks these protocols (ALPN), in
// order of preference; none means h2 alone, which is what gRPC speaks.
//
// Each handshake uses what is loaded when it begins.
func (i *Identity) Server(protocols ...string) *tls.Config {
	if len(protocols) == 0 {
		protocols = []string{"h2"}
	}
	config := i.config(protocols)
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return i.config(protocols), nil }
	return config
}

// config is the configuration of one handshake.
func (i *Identity) config(protocols []string) *tls.Config {
	now := i.current.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// For TLS 1.2 only those that HTTP/2 allows (RFC 9113, 9.2.2); 1.3 has its own.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:             protocols,
		Certificates:           []tls.Certificate{now.certificate},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              now.clientCAs,
		SessionTicketsDisabled: true,
		VerifyConnection:       i.verify,
	}
}

// verify is called when the client's chain has been verified, also if a session
// were resumed, and looks for a name of his on the list.
func (i *Identity) verify(state tls.ConnectionState) error {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return errors.New("the client's certificate was not verified")
	}
	if err := i.allowed.admit(state.PeerCertificates[0]); err != nil {
		i.refused.note(err)
		return err
	}
	return nil
}

// refusals remembers the last client that was turned away for his name.
type refusals struct {
	mu    sync.Mutex
	count uint64
	last  string
}

func (r *refusals) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.last = err.Error()
}

func (r *refusals) read() (uint64, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count, r.last
}
