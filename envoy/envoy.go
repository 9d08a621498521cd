// Package envoy holds the one source of the Envoy configuration that puts the
// guard in front of the backend, and the check of what such a configuration
// must keep: Render makes it, Lint judges any, this one or another.
//
// The package only writes and reads configuration; it starts nothing.
package envoy

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

//go:embed templates
var templates embed.FS

// guardService is the name under which the guard answers health probes of its
// own service. Package stream has the same, which this one cannot import.
const guardService = "envoy.service.ext_proc.v3.ExternalProcessor"

// Render returns the static bootstrap as YAML, comments included. An error
// names the field of c that cannot be used.
func Render(c Config) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("render the Envoy configuration: %w", err)
	}
	out, err := execute("bootstrap.yaml.tmpl", newView(c))
	if err != nil {
		return nil, fmt.Errorf("render the Envoy configuration: %w", err)
	}
	return out, nil
}

// view is what the templates see.
type view struct {
	Config

	GuardCluster, GuardService string
	GuardEndpoints             []string
	GuardType, BackendType     string
	GuardLink, BackendLink     *link
	Names                      struct{ Prefix, Fingerprint, Server, CertificateAuthority string }
	Stripped, Replaced, Shown  []string
	AllowHeaders               string
	ExposeHeaders              string
	Replies                    []reply
	ReplyHeaders               [][2]string
	Decision                   string
	AdminPaths, FieldSize      bool // what some Envoys do not know yet
}

// link is mutual TLS to one of the programs.
type link struct {
	TLS                   *ClientTLS
	Directory             string
	Name, TrustName, ALPN string
}

func newView(c Config) view {
	v := view{
		Config:       c,
		GuardCluster: "guard", GuardService: guardService, GuardEndpoints: c.guards(),
		GuardType: clusterType(c.guards()...), BackendType: clusterType(c.Backend),
		Stripped: stripped(), Replaced: replaced(), Shown: shown(),
		AllowHeaders: strings.Join(mayAsk(), ", "), ExposeHeaders: strings.Join(c.mayRead(), ", "),
		Replies: replies(), ReplyHeaders: replyHeaders(), Decision: decision,
		AdminPaths: c.since(sinceAdminPaths), FieldSize: c.since(sinceFieldSize),
	}
	v.Names.Prefix, v.Names.Fingerprint = kubeheader.Prefix, kubeheader.Fingerprint
	v.Names.Server, v.Names.CertificateAuthority = kubeheader.Server, kubeheader.CertificateAuthority
	if c.GuardTLS != nil {
		v.GuardLink = &link{c.GuardTLS, c.SecretsDirectory, secretGuard, secretGuard + trustSuffix, "h2"}
	}
	if c.BackendTLS != nil {
		v.BackendLink = &link{c.BackendTLS, c.SecretsDirectory, secretBackend, secretBackend + trustSuffix, "http/1.1"}
	}
	return v
}

// execute runs one template. Inside it, part makes text of another one.
func execute(name string, data any) ([]byte, error) {
	root := template.New("").Option("missingkey=error")
	run := func(name string, data any) (string, error) {
		var out bytes.Buffer
		err := root.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	root.Funcs(template.FuncMap{
		"quote": quote, "socket": socket, "address": address, "indent": indent, "entry": entry, "sds": sds,
		"part": func(name string, data any) (string, error) {
			out, err := run(name+".tmpl", data)
			return strings.TrimSuffix(out, "\n"), err
		},
	})
	if _, err := root.ParseFS(templates, "templates/*.tmpl", "templates/parts/*.tmpl"); err != nil {
		return nil, err
	}
	out, err := run(name, data)
	return []byte(out), err
}

// indent moves every line to the right.
func indent(spaces int, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", spaces) + line
		}
	}
	return strings.Join(lines, "\n")
}

// stripped are the headers that a caller must not send, in every spelling that
// some reader takes for the same name: each dash may be an underscore.
func stripped() []string {
	out := []string{kubeheader.Signature, kubeheader.SignatureInput, kubeheader.Fingerprint}
	for i := 0; i < len(out); i++ { // what is appended is looked at too
		for at, c := range out[i] {
			if c != '-' {
				continue
			}
			if spelt := out[i][:at] + "_" + out[i][at+1:]; !slices.Contains(out, spelt) {
				out = append(out, spelt)
			}
		}
	}
	return out
}

// replyHeaders are those of a rejection, without the content type, which Envoy
// takes from the body format, and with the decision id.
func replyHeaders() [][2]string {
	out := [][2]string{{decisionHeader, decision}}
	for _, h := range jsonrpc.Headers() {
		if h[0] != "content-type" {
			out = append(out, h)
		}
	}
	return out
}

// quote makes a YAML string: JSON is YAML.
func quote(s string) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(s)
	return strings.TrimSuffix(out.String(), "\n"), err
}

func socket(host string, port uint16) (string, error) {
	quoted, err := quote(host)
	return fmt.Sprintf("{socket_address: {address: %s, port_value: %d}}", quoted, port), err
}

func address(endpoint string) (string, error) {
	if path, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		quoted, err := quote(path)
		return fmt.Sprintf("{pipe: {path: %s}}", quoted), err
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", err
	}
	return socket(host, uint16(n))
}

// byName is the type of a cluster whose endpoints are names.
const byName = "STRICT_DNS"

// clusterType is STATIC where no name has to be resolved.
func clusterType(endpoints ...string) string {
	for _, endpoint := range endpoints {
		if strings.HasPrefix(endpoint, "unix:") {
			continue
		}
		host, _, err := net.SplitHostPort(endpoint)
		if err != nil {
			return byName
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return byName
		}
	}
	return "STATIC"
}
