package kubeheader

import (
	"fmt"
	"io"
	"strings"
)

// generated opens both pages.
const generated = "<!-- Generated from extproc/kubeheader by go test ./extproc/kubeheader -run TestDocs -update. Do not edit. -->\n\n"

// WriteReasons writes docs/reasons.md: one section per reason, in contract
// order, so that a code in a log leads to what it means and what to do.
func WriteReasons(w io.Writer) error {
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# Reasons\n\nEvery rejection carries at least one of these codes, spelt the same in the JSON-RPC error (`error.data.reason` and\n" +
		"`error.data.problems[].reason`), in metrics, in logs and in Envoy's access log. The first problem of a request, in the\n" +
		"order of this page within the order of the headers, is its reason.\n\n" +
		"*Malformed*: no policy accepts it. *Forbidden*: the operator's policy refuses it; another one might not. *Internal*: the\nfault lies with the service and not with the request.\n\n" +
		"`extproc config explain POLICY --headers FILE` says for a request which line of the policy decides about each header.\n")
	for _, r := range Reasons() {
		e := r.entry()
		fmt.Fprintf(&b, "\n## %s\n\n%s. ", e.code, titled(e.kind.String()))
		if headers := documented(e.headers); headers != "" {
			fmt.Fprintf(&b, "Beside %s.\n\n", headers)
		} else {
			b.WriteString("About the request as a whole.\n\n")
		}
		subject := "The header"
		switch {
		case len(e.headers) == 0:
			subject = "The request"
		case len(documented(e.headers)) == 0:
			subject = "A header whose name begins with `kubernetes`"
		}
		fmt.Fprintf(&b, "**What it means.** %s %s.\n\n", subject, e.wrong)
		fmt.Fprintf(&b, "**What to do.** %s.\n", titled(strings.ReplaceAll(e.fix, "{hint}", documentedHint(e.headers))))
		if e.more != "" {
			fmt.Fprintf(&b, "\n%s\n", e.more)
		}
		if r.Reportable() {
			b.WriteString("\nThe policy can report it (`report`) instead of rejecting: then it is counted and logged, and the request passes.\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// documented lists the headers of a reason, without the one that stands for many.
func documented(headers []string) string {
	var quoted []string
	for _, h := range headers {
		if h != AnyHeader {
			quoted = append(quoted, "`"+h+"`")
		}
	}
	if len(quoted) == headerCount {
		return "any header of the contract"
	}
	return strings.Join(quoted, ", ")
}

// documentedHint is what the only header wants, or a pointer to the list.
func documentedHint(headers []string) string {
	if len(headers) == 1 {
		return hint(headers[0])
	}
	return "what [the contract](contract.md) describes"
}

// titled gives a clause its capital.
func titled(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// row is a line of the contract's table.
type row struct{ header, when, accepted, sentOn string }

// optional is what most rows say under "when".
const optional = "optional"

// contract is the table of docs/contract.md.
var contract = [headerCount]row{
	{Server, "required", "`https://host[:port][/prefix]`, see below", "lower-case scheme and host, punycode, no port 443, no slash at the end"},
	{CertificateAuthority, "required, unless insecure or where the operator lets public roots vouch", "base64 of PEM with 1 to 16 certificates, see below", "standard base64 of the certificates' PEM, written anew"},
	{Authorization, "one credential of two", "`Bearer TOKEN` (in any case) or the bare token: letters, digits and `-._~+/`, `=` at the end, 1 to 8192 bytes; a JWT whose `exp` passed more than 60 s ago is refused", "`Bearer TOKEN`"},
	{ClientCertificate, "the other credential, with the key", "base64 of PEM with 1 to 4 certificates, leaf first, see below", "standard base64 of the certificates' PEM, written anew"},
	{ClientKey, "with the client certificate", "base64 of PEM with one private key, see below", "standard base64 of PEM, PKCS#8"},
	{InsecureSkipTLSVerify, optional, "`true` or `false`, in any case; `true` only for hosts that the operator names", "absent unless true; then the CA is checked and dropped"},
	{TLSServerName, "optional, where the operator allows it", "a DNS name", "lower case, no dot at the end"},
	{Namespace, optional, "a DNS label: the default namespace of tools", "the same"},
	{Toolsets, optional, "up to 16 names of `[a-z][a-z-]*` with commas between, spaces around those ignored; narrows what the endpoint offers", "sorted, unique"},
}

// WriteContract writes docs/contract.md: the headers, what each accepts and what
// is sent on.
func WriteContract(w io.Writer) error {
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# The header contract\n\n| header | when | accepted | sent on |\n| --- | --- | --- | --- |\n")
	for _, r := range contract {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.header, r.when, r.accepted, r.sentOn)
	}
	b.WriteString(contractText)
	fmt.Fprintf(&b, "\n## Limits\n\n| what | limit |\n| --- | --- |\n")
	for _, l := range []struct {
		what  string
		limit any
	}{
		{"bytes of `" + Server + "`", maxServer},
		{"certificates in `" + CertificateAuthority + "`", maxAuthorities},
		{"certificates in `" + ClientCertificate + "`", maxChain},
		{"bytes of one certificate (DER)", maxCertificateDER},
		{"bytes of the key (DER)", maxKeyDER},
		{"bits of an RSA key", fmt.Sprintf("%d to %d", minRSA, maxRSA)},
		{"bytes of a token", maxToken},
		{"names in `" + Toolsets + "`", maxToolsets},
		{"problems in one rejection", MaxProblems},
		{"grace after a token's `exp`", expiryGrace},
		{"grace around a CA's validity", clockSkew},
	} {
		fmt.Fprintf(&b, "| %s | %v |\n", l.what, l.limit)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// contractText stands between the table and the limits.
const contractText = `
Names are compared in lower case. Each header is one line with one value; spaces and tabs around it do not count. A name
with an underscore, any other name that begins with ` + "`kubernetes`" + `, a second line, an empty value, control bytes and bytes
outside ASCII, a placeholder that the client left as it was (` + "`${VAR}`, `$VAR`, `$(VAR)`, `{env:VAR}`, `${input:id}`" + `) and a comma
(but in ` + "`kubernetes-toolsets`" + `) are refused, each with a [reason](reasons.md) of its own. All problems of a request are reported,
in the order of the table. A request without any of these headers passes as anonymous where the operator made credentials
optional, and is refused otherwise; one that has any of them needs all that are required. What the policy only reports is
no problem: such a request passes, here and when the backend looks again, and reaches no address that an allowed host could not.

## Server

Only https. No user name, query or fragment, not even an empty one. The host is a DNS name (RFC 1035 lengths, letters,
digits and dashes; an international name as the ` + "`xn--`" + ` form that IDNA accepts), an IPv4 address in its one plain form, or an
IPv6 address in brackets without a zone. A last label of digits only or one that begins with ` + "`0x`" + ` is no name. One dot at the
end is dropped. An IPv6 address that maps an IPv4 address is read, judged and sent on as that IPv4 address. The port is from
1 to 65535, without leading zeros. A path needs a prefix that the operator allows, compared by whole segments; segments are
of ` + "`[A-Za-z0-9._~-]`" + ` and neither ` + "`.`" + ` nor ` + "`..`" + `. Hosts, ports, addresses and paths are allowed by the operator's policy: by default none is.

## Certificates and keys

Base64 on one line, in the standard or the URL alphabet, with correct padding or with none. Inside, PEM blocks of the right
kind, without header lines, with nothing but white space around them.

- **CA**: any certificates, a pinned server certificate among them. Refused if none of them is within its validity, give or
  take five minutes.
- **Client certificate**: every certificate of the chain within its validity; the leaf's extended key usage absent, or with
  client authentication or any.
- **Key**: one block of PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY (EC PARAMETERS may stand before the last): RSA with
  two primes, P-256, P-384, P-521 or Ed25519, without passphrase, belonging to the leaf.
`
