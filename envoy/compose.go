package envoy

import (
	"fmt"
	"path"
	"strings"
)

// installed is where the shipped configurations look for files.
const installed = "/etc/kubernetes-mcp-edge"

// composeSockets is where they look for sockets, inside the containers of compose.yaml.
const composeSockets = "/run/kubernetes-mcp-edge"

// Compose is the configuration of the Envoy in compose.yaml: TLS on the only
// published port, and one Unix socket for each of the two programs, in a
// directory of its own.
func Compose() Config {
	c := Default()
	c.ListenAddress, c.ListenPort = "0.0.0.0", 8443
	c.TLS = &TLS{CertificateFile: installed + "/listener/tls.crt", KeyFile: installed + "/listener/tls.key"}
	c.SecretsDirectory = installed + "/secrets"
	c.Guard = "unix:" + composeSockets + "/guard/guard.sock"
	c.Backend = "unix:" + composeSockets + "/backend/backend.sock"
	return c
}

// RenderCompose returns compose.yaml, which starts Envoy with the configuration
// that Compose describes and the two programs behind it.
func RenderCompose() ([]byte, error) {
	c := Compose()
	room := func(endpoint string) string { return path.Dir(strings.TrimPrefix(endpoint, "unix:")) }
	out, err := execute("compose.yaml.tmpl", struct {
		Config

		Files, GuardRoom, BackendRoom string
	}{c, installed, room(c.Guard), room(c.Backend)})
	if err != nil {
		return nil, fmt.Errorf("render compose.yaml: %w", err)
	}
	return out, nil
}
