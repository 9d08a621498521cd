package envoy

import (
	"fmt"
	"net"
	"strings"
)

// Istio is the configuration of the gateway in the Istio manifest. Its host
// names, namespaces and names of certificates are those of an example.
func Istio() Config {
	link := func(name, san string) *ClientTLS {
		return &ClientTLS{CertificateFile: installed + "/" + name + "/tls.crt", KeyFile: installed + "/" + name + "/tls.key", CAFile: installed + "/" + name + "/ca.crt", ServerSAN: san}
	}
	c := Default()
	c.Guard = "extproc.mcp-edge.svc.cluster.local:9002"
	c.Backend = "mcpbackend.mcp-edge.svc.cluster.local:9003"
	c.GuardTLS = link("guard", "dns:extproc.mcp-edge.svc")
	c.BackendTLS = link("backend", "dns:mcpbackend.mcp-edge.svc")
	c.SecretsDirectory = installed + "/secrets"
	return c
}

// RenderIstio returns a manifest that puts the guard into an Istio ingress
// gateway: an EnvoyFilter with our filters and settings, and the Gateway,
// VirtualService and DestinationRule that lead to the backend.
func RenderIstio() ([]byte, error) {
	c := Istio()
	host, port, err := net.SplitHostPort(c.Backend)
	if err != nil {
		return nil, fmt.Errorf("render the Istio manifest: %w", err)
	}
	out, err := execute("istio.yaml.tmpl", struct {
		view

		Namespace, Gateway, Host, Port, BackendHost, BackendPort string
		Unguarded                                                []string
	}{newView(c), "istio-ingress", "mcp-ingress", "mcp.example.com", "443", host, port, []string{"preflight", "elsewhere"}})
	if err != nil {
		return nil, fmt.Errorf("render the Istio manifest: %w", err)
	}
	return out, nil
}

// entry makes one element of a YAML list, with the comments before it, a mapping
// of its own.
func entry(item string) string {
	lines := strings.Split(item, "\n")
	for i, line := range lines {
		if rest, first := strings.CutPrefix(line, "- "); first {
			lines[i] = rest
		} else {
			lines[i] = strings.TrimPrefix(line, "  ")
		}
	}
	return strings.Join(lines, "\n")
}
