package jsonrpc

// Headers returns the response headers that every rejection carries, name and
// value, names in lower case.
//
// Browsers may read a rejection from any origin, and the value is "*" rather
// than the caller's Origin: the text holds nothing that was sent, no cookie and
// no HTTP authentication is involved, so there are no credentials for which an
// echo (and Vary, and Access-Control-Allow-Credentials) would be needed; and
// nothing the caller chose gets into a response header. x-request-id is the
// decision id, which the page may want to show.
//
// There is deliberately no WWW-Authenticate (clients would start OAuth), no
// Mcp-Session-Id (a session would begin) and no Set-Cookie.
func Headers() [][2]string {
	return [][2]string{
		{"content-type", "application/json"},
		{"cache-control", "no-store"},
		{"access-control-allow-origin", "*"},
		{"access-control-expose-headers", "x-request-id"},
	}
}
