package kubeheader

// entry is one reason: everything that messages, docs and metrics say about it.
// A message is one sentence, "SUBJECT wrong; fix.", and SUBJECT is the header;
// {hint} in fix becomes what that header wants. No text can come from a caller.
type entry struct {
	code    string
	kind    Kind
	headers []string // that it can stand beside; the first is the default
	wrong   string   // what is wrong, as a predicate
	fix     string   // what to do, as an imperative
	more    string   // for the docs: background, in whole sentences
}

// hint says what a header wants, for the end of a sentence.
func hint(header string) string {
	switch header {
	case Server:
		return "the URL of the API server, such as https://api.example.com:6443 (international names as xn--)"
	case CertificateAuthority:
		return "the base64 of the cluster's CA certificates in PEM, which a kubeconfig calls certificate-authority-data"
	case Authorization:
		return "a bearer token, with or without the word Bearer before it"
	case ClientCertificate:
		return "the base64 of the client certificate in PEM, which a kubeconfig calls client-certificate-data"
	case ClientKey:
		return "the base64 of the private key in PEM, which a kubeconfig calls client-key-data"
	case InsecureSkipTLSVerify:
		return "true or false"
	case TLSServerName:
		return "the DNS name in the API server's certificate"
	case Namespace:
		return "the name of a namespace"
	case Toolsets:
		return "names of toolsets separated by commas, such as core,apps"
	}
	return "a value that docs/contract.md describes"
}

// Sentences and clauses that reasons share.
const (
	sendHint    = "send {hint}"
	useOtherKey = "use RSA of 2048 to 4096 bits, P-256, P-384, P-521 or Ed25519"
	tryAgain    = "try again in a moment, and tell the operator if it lasts"
	stillClosed = "Nothing unchecked is let through."
)

// Sets of headers that reasons share.
var (
	inAny         = append([]string{AnyHeader}, Names()...)
	inAllButTools = append([]string{AnyHeader}, Names()[:atToolsets]...)
	inData        = []string{AnyHeader, CertificateAuthority, ClientCertificate, ClientKey}
	inCerts       = []string{AnyHeader, CertificateAuthority, ClientCertificate}
)

// requestReasons are those of the request, of any header, and of the server.
var requestReasons = [reasonEnd]entry{
	ReasonPlaintextIngress: {
		"plaintext-ingress", Forbidden, nil,
		"came over plain HTTP, where others can read its credential", "use the https:// address of this endpoint, and replace the credential that was sent",
		"The credential in the headers has crossed the network in the clear. An operator who ends TLS elsewhere can allow plain HTTP in the policy.",
	},

	ReasonUnderscoreName: {
		"underscore-name", Malformed, inAny,
		"was sent with an underscore in its name", "write the name with dashes only",
		"Some servers and frameworks read `_` and `-` in a header name as the same character. Accepting both would let one spelling hide behind the other.",
	},
	ReasonDuplicateHeader: {
		"duplicate-header", Malformed, inAny,
		"was sent more than once", "send it exactly once",
		"Spellings that differ in case or in `_` and `-` count as the same header. Which of two values would win is a guess, so none does.",
	},
	ReasonEmptyValue: {
		"empty-value", Malformed, inAny,
		"is empty", "check that the variable which should fill it is set, and send {hint}",
		"Most clients send an empty value when the environment variable in their configuration is not set.",
	},
	ReasonInvalidBytes: {
		"invalid-bytes", Malformed, inAny,
		"holds a control character, a line break or a character outside ASCII", sendHint,
		"PEM has line breaks and does not fit into a header: encode it in base64 on one line (`base64 -w0`).",
	},
	ReasonPlaceholder: {
		"placeholder", Malformed, inAny,
		"still holds a placeholder that the client did not fill in", "set the variable or input that it names, in the syntax which this client knows",
		"Clients differ: `${VAR}` in Claude Code and Gemini CLI, `${env:VAR}` and `${input:id}` in VS Code, `${env:VAR}` in Cursor, `env_http_headers` in Codex CLI.",
	},
	ReasonCommaJoined: {
		"comma-joined", Malformed, inAllButTools,
		"holds a comma, as if two values had been joined", "send exactly one value",
		"Proxies and libraries join repeated headers with a comma. No value of this header has one.",
	},

	ReasonServerMissing: {
		"server-missing", Malformed, []string{Server},
		"is missing", sendHint,
		"A kubeconfig calls it `clusters[].cluster.server`.",
	},
	ReasonServerTooLong: {
		"server-too-long", Malformed, []string{Server},
		"is longer than 512 bytes", sendHint, "",
	},
	ReasonServerScheme: {
		"server-scheme", Malformed, []string{Server},
		"does not begin with https://", sendHint,
		"There is no plain HTTP and no other scheme: the credential would cross the network in the clear.",
	},
	ReasonServerUserinfo: {
		"server-userinfo", Malformed, []string{Server},
		"has a user name or an @ before the host", "remove it and send the credential in kubernetes-authorization", "",
	},
	ReasonServerQuery: {
		"server-query", Malformed, []string{Server},
		"has a query", "remove the question mark and what follows it", "",
	},
	ReasonServerFragment: {
		"server-fragment", Malformed, []string{Server},
		"has a fragment", "remove the number sign (#) and what follows it", "",
	},
	ReasonServerHost: {
		"server-host", Malformed, []string{Server},
		"has a host that is neither a DNS name nor a plain IP address", "write the name in letters, digits, dashes and dots (international names as xn--), IPv4 as four decimal numbers, IPv6 in brackets without a zone",
		"Octal, hexadecimal, short and single-number forms of IPv4 are refused: programs disagree on which address they mean. An IPv6 address that maps an IPv4 address is read as that IPv4 address.",
	},
	ReasonServerPort: {
		"server-port", Malformed, []string{Server},
		"has a port that is not a number from 1 to 65535", "correct it, or leave it out for 443", "",
	},
	ReasonServerPath: {
		"server-path", Malformed, []string{Server},
		"has a path with a character or segment that is not allowed", "remove the path, or write segments of letters, digits, dots, dashes, underscores and tildes with one slash between them",
		"Empty segments, `.`, `..` and percent-encoding are refused. One slash at the end is dropped.",
	},
	ReasonHostNotAllowed: {
		"host-not-allowed", Forbidden, []string{Server},
		"names a host that the policy of this endpoint does not allow", "use a cluster that it serves, or ask its operator to add the host", "",
	},
	ReasonPortNotAllowed: {
		"port-not-allowed", Forbidden, []string{Server},
		"names a port that the policy of this endpoint does not allow", "use port 443 or 6443, or ask its operator to add the port", "",
	},
	ReasonAddressNotAllowed: {
		"address-not-allowed", Forbidden, []string{Server},
		"names an address in a range that the policy of this endpoint does not open", "use the public address of the cluster, or ask the operator to open the range",
		"Private ranges are closed until the policy opens them; loopback, link-local, metadata, multicast and unspecified addresses must be named one by one.",
	},
	ReasonPathNotAllowed: {
		"path-not-allowed", Forbidden, []string{Server},
		"has a path, and the policy of this endpoint does not allow that one", "remove the path, or ask the operator to add its prefix",
		"Path prefixes are for proxies that serve many clusters under one host, such as Rancher.",
	},
}
