package compose_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// programs are the two that this tree builds.
var programs = []string{"extproc", "mcpbackend"}

// load reads a compose file as docker compose does, here with what an operator
// may set.
func load(t *testing.T, text string, env ...string) *types.Project {
	t.Helper()
	file := filepath.Join(harness.Root(), "compose.yaml")
	if text != "" {
		file = filepath.Join(t.TempDir(), "compose.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(env), cli.WithWorkingDirectory(harness.Root()))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// invariants are what compose.yaml promises. Each returns what is wrong.
func invariants() map[string]func(*types.Project) []string {
	return map[string]func(*types.Project) []string{
		"only Envoy is published":           onlyEnvoy,
		"no way between the programs":       noWay,
		"one policy for both":               onePolicy,
		"keys only where they are needed":   keys,
		"hardened":                          hardened,
		"health is asked for":               healthy,
		"sockets, or loopback, or TLS":      links,
		"nothing of the host is written to": readOnly,
	}
}

func each(p *types.Project, look func(types.ServiceConfig) string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		if wrong := look(p.Services[name]); wrong != "" {
			out = append(out, name+": "+wrong)
		}
	}
	return out
}

func onlyEnvoy(p *types.Project) []string {
	return each(p, func(s types.ServiceConfig) string {
		switch {
		case s.Name == "envoy" && len(s.Ports) != 1:
			return "does not publish one port"
		case s.Name != "envoy" && len(s.Ports)+len(s.Expose) > 0:
			return "publishes a port"
		case s.NetworkMode == "host":
			return "shares the host's network"
		}
		return ""
	})
}

func noWay(p *types.Project) []string {
	members := map[string][]string{}
	out := each(p, func(s types.ServiceConfig) string {
		for network := range s.Networks {
			members[network] = append(members[network], s.Name)
		}
		if s.Name == "extproc" && s.NetworkMode != "none" {
			return "has a network"
		}
		return ""
	})
	for network, names := range members {
		if len(names) > 1 {
			out = append(out, network+" joins "+strings.Join(names, ", "))
		}
	}
	return out
}

// source is what a container sees at a place, or "".
func source(s types.ServiceConfig, target string) string {
	for _, v := range s.Volumes {
		if v.Target == target || strings.HasPrefix(target, v.Target+"/") {
			return v.Source + strings.TrimPrefix(target, v.Target)
		}
	}
	return ""
}

// flag is the value of a program's flag.
func flag(s types.ServiceConfig, name string) string {
	for _, argument := range s.Command {
		if value, ok := strings.CutPrefix(argument, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}

func onePolicy(p *types.Project) []string {
	files := make([]string, 0, len(programs))
	for _, name := range programs {
		files = append(files, source(p.Services[name], flag(p.Services[name], "policy")))
	}
	if files[0] == "" || files[0] != files[1] {
		return []string{strings.Join(files, " and ")}
	}
	return nil
}

func keys(p *types.Project) []string {
	needs := map[string][]string{"envoy": {"listener"}, "extproc": {"guard", "policy"}, "mcpbackend": {"backend", "policy"}}
	return each(p, func(s types.ServiceConfig) string {
		var got []string
		for _, v := range s.Volumes {
			if below, ok := strings.CutPrefix(v.Source, "/operator/"); ok {
				got = append(got, below)
			} else if v.Source == "/operator" {
				got = append(got, "all")
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, needs[s.Name]) || len(s.Environment)+len(s.EnvFiles) > 0 {
			return "sees " + strings.Join(got, ", ")
		}
		return ""
	})
}

func hardened(p *types.Project) []string {
	return each(p, func(s types.ServiceConfig) string {
		switch {
		case !s.ReadOnly:
			return "its root can be written to"
		case !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged:
			return "has capabilities"
		case !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}):
			return "can gain privileges"
		case s.User != "65532:65532":
			return "runs as " + s.User
		case s.Ulimits["core"] == nil || s.Ulimits["core"].Single != 0:
			return "may dump core"
		case s.PidsLimit <= 0 || s.MemLimit <= 0:
			return "has no bounds"
		}
		return ""
	})
}

func healthy(p *types.Project) []string {
	out := each(p, func(s types.ServiceConfig) string {
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Test[0] != "CMD" {
			return "is not asked"
		}
		return ""
	})
	for _, name := range programs {
		if p.Services["envoy"].DependsOn[name].Condition != types.ServiceConditionHealthy {
			out = append(out, "envoy does not wait for "+name)
		}
	}
	return out
}

func links(p *types.Project) []string {
	var out []string
	for _, name := range programs {
		path, unix := strings.CutPrefix(flag(p.Services[name], "listen"), "unix:")
		room := source(p.Services[name], path)
		switch {
		case !unix:
			out = append(out, name+" listens on a port")
		case room == "" || room != source(p.Services["envoy"], path):
			out = append(out, name+" and envoy see different sockets")
		case p.Volumes[strings.Split(room, "/")[0]].DriverOpts["type"] != "tmpfs":
			out = append(out, name+"'s socket is on a disk")
		}
	}
	if source(p.Services["extproc"], strings.TrimPrefix(flag(p.Services["mcpbackend"], "listen"), "unix:")) != "" {
		out = append(out, "the guard reaches the backend")
	}
	return out
}

func readOnly(p *types.Project) []string {
	return each(p, func(s types.ServiceConfig) string {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && (!v.ReadOnly || v.Bind == nil || bool(v.Bind.CreateHostPath)) {
				return v.Target
			}
		}
		return ""
	})
}

func TestComposeKeepsItsPromises(t *testing.T) {
	project := load(t, "", "EDGE_FILES=/operator")
	require.ElementsMatch(t, append([]string{"envoy"}, programs...), project.ServiceNames())
	for name, broken := range invariants() {
		t.Run(name, func(t *testing.T) { require.Empty(t, broken(project)) })
	}
}

// TestEveryBreakIsFound breaks one line of the file at a time.
func TestEveryBreakIsFound(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(harness.Root(), "compose.yaml"))
	require.NoError(t, err)
	for name, edits := range map[string][][2]string{
		"only Envoy is published":           {{"    network_mode: none\n", "    network_mode: none\n    ports: [\"9002:9002\"]\n"}, {"    networks: [clusters]\n", "    network_mode: host\n"}},
		"no way between the programs":       {{"    networks: [clusters]\n", "    networks: [clusters, edge]\n"}, {"    network_mode: none\n", "    networks: [guard]\n"}, {"    network_mode: none\n", ""}},
		"one policy for both":               {{"--policy=/etc/kubernetes-mcp-edge/policy/policy.yaml", "--policy=/etc/kubernetes-mcp-edge/guard/policy.yaml"}},
		"keys only where they are needed":   {{"/listener\", target: /etc/kubernetes-mcp-edge/listener", "/guard\", target: /etc/kubernetes-mcp-edge/listener"}, {"    network_mode: none\n", "    network_mode: none\n    environment: {KEY: x}\n"}},
		"hardened":                          {{"  read_only: true\n", ""}, {"cap_drop: [ALL]", "cap_drop: [NET_RAW]"}, {"no-new-privileges:true", "no-new-privileges:false"}, {"  user: ", "  # user: "}, {"{core: 0}", "{core: 1}"}, {"pids_limit: 256", "pids_limit: -1"}},
		"health is asked for":               {{"extproc: {condition: service_healthy}", "extproc: {condition: service_started}"}, {"test: [CMD, /kubemcp", "test: [NONE, /kubemcp"}},
		"sockets, or loopback, or TLS":      {{"--listen=unix:/run/kubernetes-mcp-edge/guard/guard.sock", "--listen=0.0.0.0:9002"}, {"type: tmpfs", "type: none"}, {"--listen=unix:/run/kubernetes-mcp-edge/guard/guard.sock", "--listen=unix:/tmp/guard.sock"}},
		"nothing of the host is written to": {{"read_only: true, bind:", "read_only: false, bind:"}, {"create_host_path: false", "create_host_path: true"}},
	} {
		for _, edit := range edits {
			t.Run(name+"/"+strings.TrimSpace(edit[1]), func(t *testing.T) {
				require.Contains(t, string(text), edit[0], "the edit matches nothing")
				edited := strings.Replace(string(text), edit[0], edit[1], 1) + "\n"
				if strings.Contains(edit[1], "[guard]") {
					edited = strings.Replace(edited, "networks:\n  edge: {}", "networks:\n  guard: {}\n  edge: {}", 1)
				}
				require.NotEmpty(t, invariants()[name](load(t, edited, "EDGE_FILES=/operator")))
			})
		}
	}
}

// TestComposeRunsWhatIsShipped: the file that Envoy gets is the one that the
// linter has judged, and the programs get flags that they have.
func TestComposeRunsWhatIsShipped(t *testing.T) {
	project := load(t, "")
	at := func(file string) string { return filepath.Join(harness.Root(), file) }
	require.Equal(t, at("envoy/compose/envoy.yaml"), source(project.Services["envoy"], "/etc/kubernetes-mcp-edge/envoy.yaml"))
	config, err := os.ReadFile(at("envoy/compose/envoy.yaml"))
	require.NoError(t, err)
	for _, name := range programs {
		require.Contains(t, string(config), strings.TrimPrefix(flag(project.Services[name], "listen"), "unix:"))
	}
	require.Equal(t, at("edge/policy")+"/policy.yaml", source(project.Services["extproc"], flag(project.Services["extproc"], "policy")))
	// Secrets stand in files: nothing in the whole model looks like one.
	model, err := json.Marshal(project)
	require.NoError(t, err)
	require.NotContains(t, string(model), "BEGIN")
}
