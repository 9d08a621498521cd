// Package trial holds what the tests of several rooms share: the committed seeds
// of fuzz targets, bounds on what one call may cost, and certificates. Only
// tests import it.
package trial

import (
	"errors"
	"go/ast"
	"go/parser"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Seed is one file of a fuzz target's corpus.
type Seed struct {
	Name   string   // of the file: the idea in it
	Values []string // the arguments of the target, in order; a number in Go's spelling
}

// hashed is how go test -fuzz names an input that it found itself.
var hashed = regexp.MustCompile(`^[0-9a-f]{16}$`)

// Corpus reads testdata/fuzz/TARGET of the package under test. It fails the test
// if there is no seed, since a target with none still passes, and if a seed is
// not named by its idea: whoever commits an input says what it is about.
func Corpus(tb testing.TB, target string) []Seed {
	tb.Helper()
	return CorpusIn(tb, filepath.Join("testdata", "fuzz", target))
}

// CorpusIn is Corpus for the folder of a target of another package.
func CorpusIn(tb testing.TB, dir string) []Seed {
	tb.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		tb.Fatalf("%s holds no seed (%v): the target would test nothing and pass", dir, err)
	}
	seeds := make([]Seed, 0, len(files))
	for _, f := range files {
		if hashed.MatchString(f.Name()) {
			tb.Fatalf("%s/%s has no name: mend what it found, then call it by its idea", dir, f.Name())
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		values, err := decode(string(text))
		if err != nil {
			tb.Fatalf("%s/%s: %v", dir, f.Name(), err)
		}
		seeds = append(seeds, Seed{Name: f.Name(), Values: values})
	}
	return seeds
}

// decode reads the format of go test -fuzz: a line that names it, then one
// conversion of a literal a line, such as []byte("a") or byte('\x00').
func decode(text string) ([]string, error) {
	head, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if head != "go test fuzz v1" {
		return nil, errors.New("not a seed of go test -fuzz")
	}
	var values []string
	for line := range strings.Lines(rest) {
		expr, err := parser.ParseExpr(strings.TrimSpace(line))
		if err != nil {
			return nil, errors.New("a line is no Go expression")
		}
		call, ok := expr.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return nil, errors.New("a line is no conversion of one value")
		}
		switch arg := call.Args[0].(type) {
		case *ast.BasicLit:
			value := arg.Value
			if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "`") {
				if value, err = strconv.Unquote(value); err != nil {
					return nil, errors.New("a string that Go does not read")
				}
			}
			values = append(values, value)
		case *ast.Ident: // true and false
			values = append(values, arg.Name)
		default:
			return nil, errors.New("a value that is no literal")
		}
	}
	return values, nil
}
