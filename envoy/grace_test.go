package envoy_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/extproc/policy"
)

// TestComposeOutlastsDrains: nobody is killed while he ends what he has begun.
func TestComposeOutlastsDrains(t *testing.T) {
	text, err := os.ReadFile("../compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Grace string `json:"stop_grace_period"`
		} `json:"services"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	text, err = os.ReadFile("../docs/policy.defaults.yaml")
	require.NoError(t, err)
	p, err := policy.Parse(text)
	require.NoError(t, err)
	for service, drain := range map[string]time.Duration{"extproc": p.Limits.Guard.Drain, "mcpbackend": p.Limits.Backend.Drain} {
		grace, err := time.ParseDuration(file.Services[service].Grace)
		require.NoError(t, err, service)
		require.GreaterOrEqual(t, grace, drain+5*time.Second, service)
	}
}
