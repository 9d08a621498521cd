// Package edge holds no code: its test is the law of the tree. It fails when an
// import arrow points up, when a room has no package doc, when a file outgrows
// the limit, or when a secret is revealed in a place that is not on the list.
package edge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "kubernetes-mcp-edge"

// forbidden names what a room may not reach, directly or through others.
// A name that ends in "/" covers every package below it, another one itself alone.
var forbidden = []struct{ room, imports, why string }{
	{"extproc/", "k8s.io/", "the guard checks headers and must not carry a Kubernetes client, its parsers or its CVEs"},
	{"extproc/", module + "/mcpbackend/", "the edge knows nothing of what stands behind it"},
	{"cmd/", module + "/extproc/trial", "what only tests need has no place in a program"},
	{"cmd/", module + "/extproc/prooftest", "what only tests need has no place in a program"},
	{"cmd/", module + "/mcpbackend/brokenapi", "what only tests need has no place in a program"},
	{"mcpbackend/", "github.com/envoyproxy/", "the backend trusts a signature, not a proxy's protocol"},
	{"mcpbackend/", module + "/extproc/stream", "the backend takes leaves of the edge, never its server"},
	{"mcpbackend/", module + "/extproc/serve", "the backend takes leaves of the edge, never its server"},
	{"mcpbackend/", module + "/extproc/verdict", "the backend does not decide again what the edge decided"},
	{"mcpbackend/", "k8s.io/client-go/tools/clientcmd", "no ambient credentials: a kubeconfig must not be able to reach a request"},
	{"mcpbackend/", "k8s.io/client-go/plugin/pkg/client/auth", "no auth provider plugins on behalf of a caller; auth/exec comes with client-go/rest, and no configuration of ours names it"},
	{"cmd/mcpbackend", "k8s.io/client-go/tools/clientcmd", "no ambient credentials: a kubeconfig must not be able to reach a request"},
	{"mcpbackend/admit", "k8s.io/", "admission decides before any client exists"},
	{"extproc/verdict", "google.golang.org/protobuf/", "the verdict is pure: no wire format"},
	{"extproc/verdict", "google.golang.org/grpc/", "the verdict is pure: no transport"},
	{"extproc/access", "golang.org/", "layer 0 is the standard library"},
	{"extproc/access", "github.com/", "layer 0 is the standard library"},
	{"extproc/hostpolicy", "golang.org/", "layer 0 is the standard library"},
	{"extproc/hostpolicy", "github.com/", "layer 0 is the standard library"},
	{"extproc/kubeheader", "github.com/", "the contract depends on the standard library and idna only"},
	{"extproc/kubeheader", "google.golang.org/", "the contract depends on the standard library and idna only"},
	{"extproc/proof", "google.golang.org/", "the proof is plain HTTP fields on both sides"},
}

// lifted names the one room through which what is forbidden may be reached: that
// room, and what is built on it, is not asked.
var lifted = map[string]string{
	// Kubectl's describers are in one package with kubectl's flags, and those know
	// clientcmd, so that it is linked. That nothing opens a kubeconfig has a test in
	// the room.
	"k8s.io/client-go/tools/clientcmd": "mcpbackend/describe",
}

// onlyImporters lists packages that exactly these rooms may import directly; a
// package that has a rule of its own, after the wider one, is judged by that.
var onlyImporters = []struct {
	imports string
	rooms   []string
	why     string
}{
	{"github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3", []string{"extproc/stream"}, "one room translates Envoy's messages"},
	{"k8s.io/client-go/", []string{"mcpbackend/kube", "cmd/kubemcp"}, "one room builds clients; kubemcp reads its own user's kubeconfig"},
	{"k8s.io/client-go/rest", []string{"mcpbackend/kube", "mcpbackend/describe", "cmd/kubemcp"}, "kubectl's describers take a rest.Config: describe makes one that leads to kube's RoundTripper and holds neither credential nor TLS"},
	{"k8s.io/client-go/tools/clientcmd/", []string{"cmd/kubemcp"}, "no ambient credentials: a kubeconfig must not be able to reach a request"},
	{"k8s.io/kubectl/", []string{"mcpbackend/describe"}, "one room knows what kubectl's code must be kept from"},
}

type goPackage struct {
	ImportPath string   `json:"ImportPath"`
	Dir        string   `json:"Dir"`
	GoFiles    []string `json:"GoFiles"`
	Imports    []string `json:"Imports"`
	Deps       []string `json:"Deps"`
}

func (p goPackage) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var pkgs []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			pkgs = append(pkgs, p)
		}
	}
	require.NotEmpty(t, pkgs, "go list found no package: nothing would be checked")
	return pkgs
}

func within(path, name string) bool {
	below, folder := strings.CutSuffix(name, "/")
	return path == below || folder && strings.HasPrefix(path, name)
}

func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		height, known := layers[p.room()]
		require.True(t, known, "%s has no layer: add it to layers with a thought for what it may import", p.room())
		for _, dep := range p.Deps {
			room, ours := strings.CutPrefix(dep, module+"/")
			if !ours {
				continue
			}
			require.Less(t, layers[room], height, "%s imports %s, which is not below it", p.room(), room)
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range list(t) {
		for _, rule := range forbidden {
			if !within(p.room(), rule.room) {
				continue
			}
			if room, ok := lifted[rule.imports]; ok && (p.room() == room || slices.Contains(p.Deps, module+"/"+room)) {
				continue
			}
			for _, dep := range p.Deps {
				require.False(t, within(dep, rule.imports), "%s reaches %s: %s", p.room(), dep, rule.why)
			}
		}
	}
}

func TestOnlyImporters(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			for _, rule := range slices.Backward(onlyImporters) { // the narrowest rule decides
				if within(imported, rule.imports) {
					require.Contains(t, rule.rooms, p.room(), "%s imports %s: %s", p.room(), imported, rule.why)
					break
				}
			}
		}
	}
}

func TestRulesNameRealRooms(t *testing.T) {
	rooms := make([]string, 0, len(layers))
	for _, p := range list(t) {
		rooms = append(rooms, p.room())
	}
	for room := range layers {
		require.Contains(t, rooms, room, "layers names a room that does not exist")
	}
	for _, rule := range forbidden {
		require.True(t, slices.ContainsFunc(rooms, func(r string) bool { return within(r, rule.room) }),
			"the rule for %s matches no room and so checks nothing", rule.room)
	}
	for imports, room := range lifted {
		require.Contains(t, rooms, room, "the rule about %s is lifted by a room that does not exist", imports)
	}
}

func TestPackageDocs(t *testing.T) {
	for _, p := range list(t) {
		docs := 0
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			require.NoError(t, err)
			if file.Doc != nil {
				docs++
			}
		}
		require.Equal(t, 1, docs, "%s wants exactly one package doc", p.room())
	}
}

// goFiles walks every Go file of the repository, those of the nested modules
// included, and calls f with the path below the root.
func goFiles(t *testing.T, f func(path string)) {
	t.Helper()
	seen := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache" || d.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			seen++
			f(path)
		}
		return nil
	}))
	require.Greater(t, seen, 20, "the walk missed the tree")
}

// maxLines keeps a file small enough to be read in one sitting.
const maxLines = 300

func TestFileLength(t *testing.T) {
	goFiles(t, func(path string) {
		file, err := os.Open(path)
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		lines := 0
		for s := bufio.NewScanner(file); s.Scan(); {
			lines++
		}
		if lines > maxLines {
			t.Errorf("%s has %d lines, over %d: split it by idea", path, lines, maxLines)
		}
	})
}

func TestRevealSites(t *testing.T) {
	used := map[string]bool{}
	goFiles(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && sel.Sel.Name == "Reveal" {
				used[path] = true
				if reveals[path] == "" {
					t.Errorf("%s calls Secret.Reveal and is not on the list in arch_test.go", path)
				}
			}
			return true
		})
	})
	for path := range reveals {
		if !used[path] {
			t.Errorf("the list in arch_test.go names %s, which reveals nothing", path)
		}
	}
}

// banned are names that say nothing about what a package holds.
var banned = []string{"pkg", "util", "utils", "common", "types", "helpers", "misc", "internal"}

func TestNames(t *testing.T) {
	goFiles(t, func(path string) {
		for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(path)), "/") {
			if slices.Contains(banned, part) {
				t.Errorf("%s lies in a folder called %q, a name that says nothing", path, part)
			}
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: register by an explicit list instead", path)
			}
		}
	})
}
