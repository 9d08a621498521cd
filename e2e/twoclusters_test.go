package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// visitor is a caller of one of two clusters.
type visitor struct {
	rig.Caller

	cluster, other *harness.Cluster
}

// visitors are both tenants of both clusters with both credentials, so that no
// two neighbours are of the same cluster.
func visitors(first, second *harness.Cluster) []visitor {
	all := make([]visitor, 0, 8)
	for _, user := range []struct{ name, namespace, foreign string }{{"alice", "team-a", "team-b"}, {"bob", "team-b", "team-a"}} {
		for _, headers := range []func(*harness.Cluster, string) harness.Headers{(*harness.Cluster).Token, (*harness.Cluster).Certificate} {
			for _, pair := range [][2]*harness.Cluster{{first, second}, {second, first}} {
				c := rig.Caller{User: user.name, Namespace: user.namespace, Foreign: user.foreign, Headers: headers(pair[0], user.name)}
				all = append(all, visitor{c, pair[0], pair[1]})
			}
		}
	}
	return all
}

// check makes the calls of a caller, and looks that both identity and objects
// are of its own cluster.
func (v visitor) check(t *testing.T, client *harness.Client, url string) {
	t.Helper()
	v.Check(t, client, url)
	me, _, err := client.CallTool(t.Context(), url, v.Headers, "whoami", `{}`)
	require.NoError(t, err)
	var who struct {
		Server string `json:"server"`
	}
	require.NoError(t, json.Unmarshal(me.Structured, &who))
	require.Equal(t, v.cluster.Server, who.Server)
	list, _, err := client.CallTool(t.Context(), url, v.Headers, "resources_list",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, v.Namespace))
	require.NoError(t, err)
	require.Contains(t, list.Text(), "cluster-"+v.cluster.Name)
	require.NotContains(t, list.Text(), "cluster-"+v.other.Name)
	object, _, err := client.CallTool(t.Context(), url, v.Headers, "resources_get",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":%q}`, v.Namespace))
	require.NoError(t, err)
	require.Regexp(t, `\bcluster: `+v.cluster.Name+`\b`, object.Text())
	require.NotContains(t, object.Text(), v.other.Name)
}

// TestTwoClusters: one endpoint serves two clusters whose users have the same
// names and whose namespaces too, and whose credentials and authorities differ.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	second, err := harness.StartSecondCluster(t.Context(), shared.Binaries.Cluster, filepath.Join(shared.ShortDir(t), "k"))
	require.NoError(t, err)
	t.Cleanup(second.Stop)
	require.NotEqual(t, shared.Cluster.Name, second.Name)
	policy, err := harness.Policy(t.Context(), shared.Cluster.Server, second.Server)
	require.NoError(t, err)
	stack := shared.StartStack(t, harness.Options{Policy: policy})
	all := visitors(shared.Cluster, second)
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("alternating/http2=%t", http2), func(t *testing.T) {
			client := rig.NewClient(t, http2)
			for range 2 {
				for _, v := range all {
					v.check(t, client, stack.URL)
				}
				slices.Reverse(all)
			}
			require.Equal(t, 1, client.Connections(), "the calls were to share one connection")
		})
	}
	t.Run("at the same time", func(t *testing.T) {
		client := rig.NewClient(t, true)
		var wg sync.WaitGroup
		for _, v := range all {
			wg.Go(func() { v.check(t, client, stack.URL) })
		}
		wg.Wait()
	})
	for _, v := range all {
		kind := "certificate"
		if v.Headers.Get(kubeheader.Authorization) != "" {
			kind = "token"
		}
		t.Run(fmt.Sprintf("%s's %s of cluster %s", v.User, kind, v.cluster.Name), func(t *testing.T) { v.refused(t, stack.URL) })
	}
}

// refused takes a caller's credential to the other cluster, and then the other
// cluster's authority to its own: right before and after, all is well.
func (v visitor) refused(t *testing.T, url string) {
	t.Helper()
	client := rig.NewClient(t, false)
	theirs := v.other.Token(v.User)
	for _, attempt := range []struct {
		name    string
		headers harness.Headers
		says    []string
	}{
		{
			"the credential with the other cluster",
			v.Headers.With(kubeheader.Server, v.other.Server).With(kubeheader.CertificateAuthority, theirs.Get(kubeheader.CertificateAuthority)),
			[]string{"the API server does not accept", "for another cluster", "(credential-refused)"},
		},
		{
			"the other cluster's authority",
			v.Headers.With(kubeheader.CertificateAuthority, theirs.Get(kubeheader.CertificateAuthority)),
			[]string{"certificate could not be verified", kubeheader.CertificateAuthority, "signed by unknown authority"},
		},
		{
			"the other cluster's address",
			v.Headers.With(kubeheader.Server, v.other.Server),
			[]string{"certificate could not be verified", kubeheader.CertificateAuthority, "signed by unknown authority"},
		},
	} {
		v.check(t, client, url)
		for _, tool := range []string{"whoami", "resources_list"} {
			arguments := `{}`
			if tool == "resources_list" {
				arguments = fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, v.Namespace)
			}
			got, rpc, err := client.CallTool(t.Context(), url, attempt.headers, tool, arguments)
			require.NoError(t, err)
			text := got.Text()
			if rpc.Error != nil { // what is wrong is the credential
				text = rpc.Error.Message + " (" + rpc.Error.Data.Reason + ")"
			} else {
				require.True(t, got.IsError, "%s: %s", attempt.name, text)
			}
			for _, part := range attempt.says {
				require.Contains(t, text, part, attempt.name)
			}
			require.NotContains(t, text, "settings")
		}
		v.check(t, client, url)
	}
}
