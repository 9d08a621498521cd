package envoy

import (
	"fmt"
	"path"
	"path/filepath"
)

// The names of secrets: of the file in Config.SecretsDirectory, and in Envoy.
const (
	secretListener = "listener"
	secretGuard    = "guard"
	secretBackend  = "backend"
	trustSuffix    = "-ca"
)

// Secrets returns the files that Config.SecretsDirectory has to hold, by name. They
// hold no key and no certificate, but say where Envoy finds them and that it is to
// look again when something is renamed in their directory: a static bootstrap alone
// cannot (Envoy follows only what comes by SDS, and a file is the smallest SDS).
// The map is empty without SecretsDirectory.
func Secrets(c Config) (map[string][]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("render the secrets of the Envoy configuration: %w", err)
	}
	out := map[string][]byte{}
	if c.SecretsDirectory == "" {
		return out, nil
	}
	add := func(name, certificate, key, ca string) error {
		text, err := execute("secret.yaml.tmpl", struct{ Name, Certificate, Key, CA, Directory string }{
			name, certificate, key, ca, filepath.Dir(certificate + ca),
		})
		out[name+".yaml"] = text
		return err
	}
	if c.TLS != nil {
		if err := add(secretListener, c.TLS.CertificateFile, c.TLS.KeyFile, ""); err != nil {
			return nil, err
		}
	}
	for name, link := range map[string]*ClientTLS{secretGuard: c.GuardTLS, secretBackend: c.BackendTLS} {
		if link == nil {
			continue
		}
		if err := add(name, link.CertificateFile, link.KeyFile, ""); err != nil {
			return nil, err
		}
		if err := add(name+trustSuffix, "", "", link.CAFile); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sds names a secret and its file.
func sds(directory, name string) (string, error) {
	file, err := quote(path.Join(directory, name+".yaml"))
	return fmt.Sprintf("{name: %s, sds_config: {resource_api_version: V3, path_config_source: {path: %s}}}", name, file), err
}
