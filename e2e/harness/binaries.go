// Package harness starts the whole stack for tests and for make run: the
// embedded Kubernetes, the backend, the guard and Envoy, each as the process
// that users run, on free loopback ports, and stops them again.
package harness

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Binaries are the programs of a stack, as absolute paths.
type Binaries struct {
	Extproc, MCPBackend, KubeMCP string
	Cluster                      string
	Envoy                        string
	// EnvoyVersion is what Envoy has to call itself, such as 1.40.0; "" for any.
	EnvoyVersion string
}

// Find locates the programs where make puts them, or where EXTPROC, MCPBACKEND,
// KUBEMCP, CLUSTER_BIN and ENVOY say; ENVOY_VERSION chooses among the Envoys, of
// which the newest is the default. The error names all that are missing.
func Find() (Binaries, error) {
	cache := filepath.Join(Root(), ".cache")
	var missing []error
	find := func(variable, pattern, target string) string {
		if path := os.Getenv(variable); path != "" {
			pattern = path
		}
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			missing = append(missing, fmt.Errorf("%s is not there: run make %s, or set %s", pattern, target, variable))
			return ""
		}
		return matches[len(matches)-1] // sorted
	}
	version := os.Getenv("ENVOY_VERSION")
	b := Binaries{
		Extproc:    find("EXTPROC", filepath.Join(cache, "bin", "extproc"), "build"),
		MCPBackend: find("MCPBACKEND", filepath.Join(cache, "bin", "mcpbackend"), "build"),
		KubeMCP:    find("KUBEMCP", filepath.Join(cache, "bin", "kubemcp"), "build"),
		Cluster:    find("CLUSTER_BIN", filepath.Join(cache, "bin", "cluster-*"), "cluster"),
		Envoy:      find("ENVOY", envoyPath(cmp.Or(version, "*")), "envoy"),
		// A binary that somebody named may be of any version, unless he named that too.
		EnvoyVersion: version,
	}
	return b, errors.Join(missing...)
}

// WithEnvoy is b with the pinned Envoy of another version.
func (b Binaries) WithEnvoy(version string) (Binaries, error) {
	b.Envoy, b.EnvoyVersion = envoyPath(version), version
	if _, err := os.Stat(b.Envoy); err != nil {
		return b, fmt.Errorf("%w: run make envoy ENVOY_VERSION=%s", err, version)
	}
	return b, nil
}

func envoyPath(version string) string {
	return filepath.Join(Root(), ".cache", "envoy-"+version, "bin", "envoy")
}

// Root is the top of the repository, known from where this file was compiled.
func Root() string {
	_, file, _, _ := runtime.Caller(0) //nolint:dogsled // only the file is wanted
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}
