package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// linted is what kubemcp lint --format json prints.
type linted struct {
	Source   string `json:"source"`
	Clean    bool   `json:"clean"`
	Findings []struct {
		Path    string `json:"path"`
		Rule    string `json:"rule"`
		Message string `json:"message"`
		Next    string `json:"next"`
	} `json:"findings"`
}

// lint asks the program about a running Envoy.
func lint(t *testing.T, s *harness.Stack) (out linted, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, shared.Binaries.KubeMCP, "lint", "--format", "json", "--admin", s.EnvoyAdmin).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	require.Equal(t, s.EnvoyAdmin, out.Source)
	return out, status
}

// TestLintOfTheRunningEnvoy: the Envoy that all tests here go through is clean.
func TestLintOfTheRunningEnvoy(t *testing.T) {
	found, status := lint(t, shared.Stack)
	require.Empty(t, found.Findings)
	require.True(t, found.Clean)
	require.Zero(t, status)
}

// TestLintFindsWhatRuns breaks a line of the configuration at a time. Envoy takes
// each of them without a word.
func TestLintFindsWhatRuns(t *testing.T) {
	t.Parallel()
	const route = "                match: {path: /mcp}\n                route:\n"
	for rule, edit := range map[string][2]string{
		"fail-closed":    {"failure_mode_allow: false", "failure_mode_allow: true"},
		"guard-override": {"request_body_mode: BUFFERED_PARTIAL", "request_body_mode: BUFFERED"},
		"rbac-verdict":   {"string_match: {exact: allow}", "string_match: {prefix: a}"},
		"no-retries":     {route, route + "                  retry_policy: {retry_on: 5xx}\n"},
		"guard-on-every-route": {route, "                match: {path: /mcp}\n                typed_per_filter_config:\n                  envoy.filters.http.ext_proc:\n" +
			"                    \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute\n                    disabled: true\n                route:\n"},
		"access-log-secrets": {"\"%PROTOCOL%\"", "\"%REQ(kubernetes-authorization)%\""},
	} {
		t.Run(rule, func(t *testing.T) {
			s := shared.StartBroken(t, harness.Options{EditEnvoy: func(config []byte) ([]byte, error) {
				edited := bytes.Replace(config, []byte(edit[0]), []byte(edit[1]), 1)
				if bytes.Equal(edited, config) {
					return nil, fmt.Errorf("%s: the edit matches nothing", rule)
				}
				return edited, nil
			}})
			found, status := lint(t, s.Stack)
			require.Equal(t, 1, status)
			require.False(t, found.Clean)
			rules := map[string]bool{}
			for _, f := range found.Findings {
				rules[f.Rule] = true
				require.Regexp(t, `^configs\[\d\]\.static_(listeners|clusters)\[\d\]|^configs\[\d\]\.bootstrap\.`, f.Path)
				require.NotEmpty(t, f.Message)
				require.NotEmpty(t, f.Next)
			}
			require.True(t, rules[rule], "%v", found.Findings)
		})
	}
}
