package kubeheader

import (
	"bytes"
	"strings"
	"time"
)

// maxToken bounds a bearer token, in bytes, without the word Bearer.
const maxToken = 8192

// expiryGrace is how long after its exp a token is still sent on: the API
// server's clock decides, and it may be behind ours.
const expiryGrace = 60 * time.Second

// auth reads the credential: exactly one of two. With both, each is checked all
// the same (the person will keep one of them), but that half of a pair is
// missing is not reported: it may be the pair that goes.
func (x *parser) auth() Auth {
	token := x.sent(atAuthorization)
	cert, key := x.sent(atClientCertificate), x.sent(atClientKey)
	pair := cert || key
	switch {
	case token && pair:
		x.add(ReasonCredentialAmbiguous, atAuthorization)
	case !token && !pair:
		x.add(ReasonCredentialMissing, atAuthorization)
		return nil
	case pair && !cert:
		x.add(ReasonClientCertificateMissing, atClientCertificate)
	case pair && !key:
		x.add(ReasonClientKeyMissing, atClientKey)
	}
	var a Auth
	if token {
		if !x.policy.AllowToken {
			x.add(ReasonTokenNotAllowed, atAuthorization)
		}
		a = x.token()
	}
	if pair {
		if !x.policy.AllowClientCertificate {
			x.add(ReasonClientCertificateNotAllowed, atClientCertificate)
		}
		a = x.clientCert()
	}
	return a
}

// token reads kubernetes-authorization.
func (x *parser) token() Auth {
	value, ok := x.value(atAuthorization)
	if !ok {
		return nil
	}
	value, fault := parseToken(value)
	if fault != 0 {
		x.add(fault, atAuthorization)
		return nil
	}
	t := Token{Value: NewSecret(bytes.Clone(value))}
	if exp, ok := jwtExpiry(value); ok {
		t.Expiry = exp
		x.until = exp.Add(expiryGrace)
		if x.now.After(x.until) {
			x.add(ReasonTokenExpired, atAuthorization)
		}
	}
	return t
}

// parseToken takes the word Bearer off and checks what is left: 1*( ALPHA /
// DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=", which is b64token of RFC
// 6750 2.1. The word alone is an empty token, and never a token that reads "Bearer".
func parseToken(value []byte) ([]byte, Reason) {
	rest, _ := cutBearer(value)
	if _, twice := cutBearer(rest); twice {
		return nil, ReasonTokenDoubleBearer
	}
	if len(rest) == 0 {
		return nil, ReasonTokenEmpty
	}
	body := bytes.TrimRight(rest, "=")
	if len(body) == 0 {
		return nil, ReasonTokenMalformed
	}
	for _, c := range body {
		if !isAlphanumeric(c) && strings.IndexByte("-._~+/", c) < 0 {
			return nil, ReasonTokenMalformed
		}
	}
	if len(rest) > maxToken {
		return nil, ReasonTokenTooLong
	}
	return rest, 0
}

// cutBearer takes the word Bearer, in any case, and the spaces after it off.
func cutBearer(value []byte) ([]byte, bool) {
	const bearer = "bearer"
	if len(value) < len(bearer) || !isFold(value[:len(bearer)], bearer) {
		return value, false
	}
	rest := value[len(bearer):]
	if len(rest) > 0 && rest[0] != ' ' {
		return value, false // a token that happens to begin so
	}
	return bytes.TrimLeft(rest, " "), true
}
