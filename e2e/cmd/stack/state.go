package main

import (
	"encoding/json"
	"os"

	"kubernetes-mcp-edge/e2e/harness"
)

// state is stack.json: what a tool needs to talk to the running stack. It holds
// credentials, so it is for its owner only and goes with the stack.
type state struct {
	URL        string                                  `json:"url"`
	BackendURL string                                  `json:"backend_url"`
	EnvoyAdmin string                                  `json:"envoy_admin"`
	Namespaces []string                                `json:"namespaces"`
	Tenants    map[string]map[string]map[string]string `json:"tenants"` // name, kind of credential, header
}

// writeState writes the file in one step.
func writeState(path string, s *harness.Stack, t target) error {
	out := state{
		URL: s.URL, BackendURL: s.BackendURL, EnvoyAdmin: s.EnvoyAdmin, Namespaces: t.namespaces,
		Tenants: map[string]map[string]map[string]string{},
	}
	for name, kinds := range t.users {
		out.Tenants[name] = map[string]map[string]string{}
		for kind, headers := range kinds {
			out.Tenants[name][kind] = headers.Map()
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
