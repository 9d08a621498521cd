// Package envoy holds the one source of the Envoy configuration that puts the
// guard in front of the backend, and the check of what such a configuration
// must keep: Render makes it, Lint judges any, this one or another.
//
// The package only writes and reads configuration; it starts nothing.
package envoy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Config is what differs between installations. Default gives one that works.
type Config struct {
	// ListenAddress is the IP address that clients connect to. Beyond loopback
	// it needs TLS.
	ListenAddress string
	ListenPort    uint16 // 0 lets Envoy choose
	// AdminAddress is the IP address of Envoy's admin interface; loopback only.
	AdminAddress string
	AdminPort    uint16 // 0 lets Envoy choose
	// Guard and Backend are where the two programs listen: "host:port", or
	// "unix:PATH" with an absolute path.
	Guard, Backend string
	// AccessLog is the absolute path of the access log.
	AccessLog string
	// TrustedHops is how many proxies in front of Envoy are trusted for
	// x-forwarded-for and x-forwarded-proto (xff_num_trusted_hops).
	TrustedHops uint32
	// TLS is what clients are met with; nil means plain HTTP.
	TLS *TLS
}

// TLS names PEM files, as absolute paths. Envoy reads them once, at start.
type TLS struct {
	CertificateFile string // the chain, leaf first
	KeyFile         string
}

// Default is the configuration of a stack on one machine, without TLS: all on
// loopback, at the ports that the two programs choose when not told otherwise.
func Default() Config {
	return Config{
		ListenAddress: "127.0.0.1", ListenPort: 8080,
		AdminAddress: "127.0.0.1", AdminPort: 9901,
		Guard: "127.0.0.1:9002", Backend: "127.0.0.1:9003",
		AccessLog:   "/dev/stdout",
		TrustedHops: 0,
		TLS:         nil,
	}
}

//go:embed bootstrap.yaml.tmpl
var bootstrap string

// Render returns the static bootstrap as YAML, comments included. An error
// names the field of c that cannot be used.
func Render(c Config) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("render the Envoy configuration: %w", err)
	}
	t, err := template.New("bootstrap.yaml").Option("missingkey=error").Funcs(template.FuncMap{
		"quote": quote, "socket": socket, "address": address,
	}).Parse(bootstrap)
	if err != nil {
		return nil, fmt.Errorf("render the Envoy configuration: %w", err)
	}
	type names struct{ Prefix, Fingerprint string }
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Config

		GuardType, BackendType string
		Names                  names
		Stripped               []string
		Replies                []reply
		ReplyHeaders           [][2]string
		Decision               string
	}{
		c, clusterType(c.Guard), clusterType(c.Backend),
		names{kubeheader.Prefix, kubeheader.Fingerprint}, stripped(),
		replies(), replyHeaders(), decision,
	})
	if err != nil {
		return nil, fmt.Errorf("render the Envoy configuration: %w", err)
	}
	return out.Bytes(), nil
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

func (c Config) check() error {
	listen, err := netip.ParseAddr(c.ListenAddress)
	if err != nil {
		return fmt.Errorf("ListenAddress: not an IP address: %w", err)
	}
	if !listen.IsLoopback() && c.TLS == nil {
		return errors.New("ListenAddress: lies beyond loopback, where credentials must not travel in the clear: set TLS")
	}
	admin, err := netip.ParseAddr(c.AdminAddress)
	if err != nil {
		return fmt.Errorf("AdminAddress: not an IP address: %w", err)
	}
	if !admin.IsLoopback() {
		return errors.New("AdminAddress: whoever reaches it controls Envoy: choose a loopback address")
	}
	for name, endpoint := range map[string]string{"Guard": c.Guard, "Backend": c.Backend} {
		if err := checkEndpoint(endpoint); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	files := map[string]string{"AccessLog": c.AccessLog}
	if c.TLS != nil {
		files["TLS.CertificateFile"], files["TLS.KeyFile"] = c.TLS.CertificateFile, c.TLS.KeyFile
	}
	for name, file := range files {
		if !filepath.IsAbs(file) {
			return fmt.Errorf("%s: not an absolute path", name)
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if path, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return errors.New("unix: wants an absolute path after it")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return fmt.Errorf("neither host:port nor unix:PATH: %w", err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return errors.New("wants a host and a port from 1 to 65535")
	}
	return nil
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

// clusterType is STATIC where no name has to be resolved.
func clusterType(endpoint string) string {
	if strings.HasPrefix(endpoint, "unix:") {
		return "STATIC"
	}
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		if _, err := netip.ParseAddr(host); err == nil {
			return "STATIC"
		}
	}
	return "STRICT_DNS"
}
