package main

import (
	"encoding/json"
	"os"

	"kubernetes-mcp-edge/e2e/harness"
)

// state is stack.json: what a tool needs to talk to the running stack. It holds
// credentials, so it is for its owner only and goes with the stack.
type state struct {
	URL        string `json:"url"`
	BackendURL string `json:"backend_url"`
	EnvoyAdmin string `json:"envoy_admin"`
	// Where guard and backend show metrics and health; the guard's /status is a page.
	GuardAdmin   string       `json:"guard_admin"`
	BackendAdmin string       `json:"backend_admin"`
	Namespaces   []string     `json:"namespaces"`
	Tenants      stateTenants `json:"tenants"`
	// The same people on another cluster behind the same URL.
	TenantsSecondCluster stateTenants `json:"tenants_second_cluster,omitempty"`
}

// stateTenants maps a name, a kind of credential and a header to its value.
type stateTenants map[string]map[string]map[string]string

func stateOf(users tenants) stateTenants {
	out := stateTenants{}
	for name, kinds := range users {
		out[name] = map[string]map[string]string{}
		for kind, headers := range kinds {
			out[name][kind] = headers.Map()
		}
	}
	return out
}

// writeState writes the file in one step.
func writeState(path string, s *harness.Stack, t target) error {
	out := state{
		URL: s.URL, BackendURL: s.BackendURL, EnvoyAdmin: s.EnvoyAdmin,
		GuardAdmin: s.GuardAdmin(0), BackendAdmin: s.BackendAdmin(), Namespaces: t.namespaces,
		Tenants: stateOf(t.users), TenantsSecondCluster: stateOf(t.second),
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
