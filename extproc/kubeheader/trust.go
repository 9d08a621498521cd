package kubeheader

import (
	"crypto/x509"
	"time"
)

// clockSkew is how far the edge's clock may be from the one that a CA was made by.
const clockSkew = 5 * time.Minute

// server reads kubernetes-server and asks the policy about it. A URL that is
// well-formed but not allowed is returned all the same, so that the other
// headers can be judged against it.
func (x *parser) server() ServerURL {
	if !x.sent(atServer) {
		x.add(ReasonServerMissing, atServer)
		return ServerURL{}
	}
	value, ok := x.value(atServer)
	if !ok {
		return ServerURL{}
	}
	u, wrong := parseServer(string(value))
	for _, r := range wrong {
		x.add(r, atServer)
	}
	if len(wrong) > 0 {
		return ServerURL{}
	}
	x.host = u.host
	said, enforced := x.policy.host(u)
	if enforced != 0 {
		x.note(&x.problems, enforced, atServer)
	}
	if said != 0 && said != enforced {
		x.note(&x.reported, said, atServer)
	}
	if !x.policy.path(u.path) {
		x.add(ReasonPathNotAllowed, atServer)
	}
	return u
}

// trust reads kubernetes-certificate-authority-data together with
// kubernetes-insecure-skip-tls-verify. Insecure wins over a CA, which is checked
// all the same and then dropped: client-go refuses the two together.
func (x *parser) trust(server ServerURL) Trust {
	insecure := x.insecure(server)
	if !x.sent(atCertificateAuthority) {
		switch {
		case insecure: // on, or meant to be, or nobody can tell
			return Insecure{}
		case x.policy.PublicRoots:
			return SystemRoots{}
		}
		x.add(ReasonCertificateAuthorityMissing, atCertificateAuthority)
		return nil
	}
	ca, ok := x.certificateAuthority()
	switch {
	case !ok:
		return nil
	case insecure:
		return Insecure{}
	}
	return ca
}

// insecure reports whether verification is to be off. A value that cannot be
// read or that the policy forbids counts as on: that a CA is missing too would
// only follow from it.
func (x *parser) insecure(server ServerURL) bool {
	if !x.sent(atInsecure) {
		return false
	}
	value, ok := x.value(atInsecure)
	switch {
	case !ok:
	case isFold(value, "false"):
		return false
	case !isFold(value, "true"):
		x.add(ReasonInsecureMalformed, atInsecure)
	case !server.IsZero() && !x.policy.insecure(server.host):
		x.add(ReasonInsecureNotAllowed, atInsecure)
	}
	return true
}

// certificateAuthority reads the bundle. One certificate within its validity is
// enough, and any certificate may be in it: a pinned server certificate is one.
func (x *parser) certificateAuthority() (CA, bool) {
	certs, text, fault := x.certificates(atCertificateAuthority, maxAuthorities)
	if fault != 0 {
		x.add(fault, atCertificateAuthority)
	}
	if certs == nil {
		return CA{}, false
	}
	for _, c := range certs {
		if !x.now.Before(c.NotBefore.Add(-clockSkew)) && !x.now.After(c.NotAfter.Add(clockSkew)) {
			return CA{PEM: NewSecret(text), Certificates: certs}, true
		}
	}
	x.add(ReasonCertificateAuthorityExpired, atCertificateAuthority)
	return CA{}, false
}

// certificates reads the certificates of a header, at most so many; nil if it
// cannot be read (with or without a new fault to report). text is their PEM,
// encoded again.
func (x *parser) certificates(at, most int) (certs []*x509.Certificate, text []byte, fault Reason) {
	value, ok := x.value(at)
	if !ok {
		return nil, nil, 0
	}
	blocks, fault := decodeData(value, most, ReasonCertificateTooMany)
	if fault != 0 {
		return nil, nil, fault
	}
	return parseCertificates(blocks)
}
