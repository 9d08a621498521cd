package kubeheader

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

var acceptedFile = flag.String("accepted", "", "write every accepted case and seed into this file, as JSON")

// accepted is a request that Parse accepts, for tests of rooms that act on it.
type accepted struct {
	Name          string      `json:"name"`
	InsecureHosts []string    `json:"insecureHosts"` // of the policy that accepts it
	Fields        [][2][]byte `json:"fields"`        // name and value, as received
}

// TestAcceptedCases collects all that testdata/parse and the fuzz corpora hold
// of accepted requests. mcpbackend/kube runs it with a file to write into and
// builds a client of each: the cases cannot be shared any other way, since their
// certificates are made anew in each run.
func TestAcceptedCases(t *testing.T) {
	var all []accepted
	add := func(name string, fields []Field, p *Policy) {
		if _, err := Parse(Request{Fields: fields}, p, noon); err != nil {
			return
		}
		a := accepted{Name: name, InsecureHosts: p.InsecureHosts}
		for _, f := range fields {
			a.Fields = append(a.Fields, [2][]byte{[]byte(f.Name), f.Value.Reveal()})
		}
		all = append(all, a)
	}
	for _, c := range loadCases(t) {
		add(c.name, c.request.Fields, c.policy)
	}
	require.Greater(t, len(all), 50, "cases are missing")
	seeds, p := len(all), openPolicy(t)
	for target, request := range fuzzTargets {
		for _, seed := range trial.Corpus(t, target) {
			add(target+"/"+seed.Name, request(seed.Values), p)
		}
	}
	require.Greater(t, len(all)-seeds, 25, "seeds are missing")
	path := *acceptedFile
	if path == "" {
		path = filepath.Join(t.TempDir(), "accepted.json")
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
