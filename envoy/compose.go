package envoy

import (
	"fmt"
	"path"
	"strings"
)

// The places inside the containers of compose.yaml.
const (
	composeFiles   = "/etc/kubernetes-mcp-edge"
	composeSockets = "/run/kubernetes-mcp-edge"
)

// Compose is the configuration of the Envoy in compose.yaml: TLS on the only
// published port, and one Unix socket for each of the two programs, in a
// directory of its own.
func Compose() Config {
	c := Default()
	c.ListenAddress, c.ListenPort = "0.0.0.0", 8443
	c.TLS = &TLS{CertificateFile: composeFiles + "/listener/tls.crt", KeyFile: composeFiles + "/listener/tls.key"}
	c.SecretsDirectory = composeFiles + "/secrets"
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
	}{c, composeFiles, room(c.Guard), room(c.Backend)})
	if err != nil {
		return nil, fmt.Errorf("render compose.yaml: %w", err)
	}
	return out, nil
}
