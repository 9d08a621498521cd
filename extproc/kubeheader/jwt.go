package kubeheader

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"time"
)

// jwtExpiry reads the exp of a token that is a JWT in JWS compact form (RFC
// 7519, RFC 7515 7.1). It answers two questions only: is it plainly expired, and
// until when may a cache keep it. Nothing is verified, so nothing else may ever
// depend on it; false means that the token is opaque, has no exp, or has one
// that is no number or lies after the year 9999. One before 1970 reads as 1970.
func jwtExpiry(token []byte) (time.Time, bool) {
	header, rest, ok := bytes.Cut(token, []byte("."))
	payload, signature, ok2 := bytes.Cut(rest, []byte("."))
	if !ok || !ok2 || bytes.IndexByte(signature, '.') >= 0 {
		return time.Time{}, false
	}
	// A map and not a struct: encoding/json would take "EXP" for exp.
	var claims, jose map[string]json.RawMessage
	if !decodeSegment(header, &jose) || !decodeSegment(payload, &claims) {
		return time.Time{}, false
	}
	var seconds float64
	exp := claims["exp"]
	if len(exp) == 0 || exp[0] == 'n' || json.Unmarshal(exp, &seconds) != nil {
		return time.Time{}, false
	}
	const year9999 = 253402300799
	if seconds > year9999 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(max(seconds, 0))
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC(), true
}

// decodeSegment reads one base64url segment of JSON object.
func decodeSegment(segment []byte, into *map[string]json.RawMessage) bool {
	text, err := base64.RawURLEncoding.Strict().AppendDecode(nil, segment)
	return err == nil && json.Unmarshal(text, into) == nil && *into != nil
}
