package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
)

// gone waits until the API server knows a path no longer.
func goneFrom(t *testing.T, path string) {
	t.Helper()
	rig.Eventually(t, func() error {
		if status, _ := apiDo(t, shared.Cluster, http.MethodGet, "admin", path); status != http.StatusNotFound {
			return fmt.Errorf("%s: status %d", path, status)
		}
		return nil
	})
}

// TestChangeDelete: one object goes, a dry run lets it be, and what is not the
// caller's stays.
func TestChangeDelete(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			w.ok(t, c, "resources_create_or_update", map[string]any{"resource": applied(c, n, "red"), "namespace": c.Namespace})
			path := fmt.Sprintf("/apis/apps/v1/namespaces/%s/deployments/web-%d", c.Namespace, n)
			in := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": fmt.Sprintf("web-%d", n), "namespace": c.Namespace, "dryRun": true}
			require.Equal(t, fmt.Sprintf("Would be deleted (dry run: nothing was): Deployment web-%d (apps/v1) in namespace %s\n", n, c.Namespace), w.ok(t, c, "resources_delete", in))
			require.NotEmpty(t, apiGet(t, shared.Cluster, "admin", path))
			// apiVersion is a help, and no more.
			require.Equal(t, fmt.Sprintf("Deleted: Deployment web-%d (apps/v1) in namespace %s\n", n, c.Namespace),
				w.ok(t, c, "resources_delete", map[string]any{"kind": "deploy", "name": fmt.Sprintf("web-%d", n), "namespace": c.Namespace, "gracePeriodSeconds": 0}))
			goneFrom(t, path)
			require.Contains(t, w.fails(t, c, "resources_delete", in), "was not deleted: There is no such object")
			in["namespace"] = c.Foreign
			require.Contains(t, w.fails(t, c, "resources_delete", in), "was not deleted: The cluster's RBAC does not allow this")

			// What a finalizer holds is said to be still there.
			held := fmt.Sprintf("held-%d", n)
			w.ok(t, c, "resources_create_or_update", map[string]any{"resource": fmt.Sprintf(
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s, finalizers: [example.com/hold]}\n", held, c.Namespace)})
			require.Contains(t, w.ok(t, c, "resources_delete", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": held, "namespace": c.Namespace}),
				"Being deleted: ConfigMap "+held+" (v1) in namespace "+c.Namespace+"\nIt is there until these finalizers are done: example.com/hold.")
			apiSend(t.Context(), t, c.User, http.MethodPatch, "/api/v1/namespaces/"+c.Namespace+"/configmaps/"+held, "application/merge-patch+json", `{"metadata":{"finalizers":null}}`)
		})
	}
}

// TestChangeScale: shows, sets and tries; showing needs no right to change.
func TestChangeScale(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			w.ok(t, c, "resources_create_or_update", map[string]any{"resource": applied(c, n, "red"), "namespace": c.Namespace})
			in := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": fmt.Sprintf("web-%d", n), "namespace": c.Namespace}
			object := fmt.Sprintf("Deployment web-%d (apps/v1) in namespace %s", n, c.Namespace)
			require.Regexp(t, `^`+regexpQuote(object)+` wants 1 replica; there are [01]\.\n$`, w.ok(t, c, "resources_scale", in))
			in["scale"], in["dryRun"] = 3, true
			require.Contains(t, w.ok(t, c, "resources_scale", in), object+" would be scaled from 1 to 3 replicas (dry run: nothing was set)")
			in["dryRun"] = false
			require.Contains(t, w.ok(t, c, "resources_scale", in), object+" is scaled from 1 to 3 replicas")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", fmt.Sprintf("/apis/apps/v1/namespaces/%s/deployments/web-%d/scale", c.Namespace, n)), `"replicas":3`)
			// What was scaled stays scaled: the manifest's own number is a conflict.
			require.Contains(t, w.fails(t, c, "resources_create_or_update", map[string]any{"resource": applied(c, n, "red"), "namespace": c.Namespace}),
				"resources_scale set spec.replicas: leave it out to keep that number.")
			in["scale"] = -1
			require.Contains(t, w.fails(t, c, "resources_scale", in), "minimum")
			in["scale"], in["kind"], in["apiVersion"] = 1, "ConfigMap", "v1"
			in["name"] = fmt.Sprintf("settings-%d", n)
			require.Contains(t, w.fails(t, c, "resources_scale", in), "this kind has no scale")

			// At home every tenant may read, and nothing else.
			home := map[string]string{"alice": "team-a", "bob": "team-b"}[c.User]
			in = map[string]any{"kind": "Deployment", "name": "web", "namespace": home}
			require.Contains(t, w.ok(t, c, "resources_scale", in), "wants 2 replicas; there are 2.")
			in["scale"] = 0
			require.Contains(t, w.fails(t, c, "resources_scale", in), "was not scaled: The cluster's RBAC does not allow this")
		})
	}
}

// TestChangePodsRun: a Pod and its Service come, and go with pods_delete.
func TestChangePodsRun(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			name := fmt.Sprintf("run-%d", n)
			pod, service := "/api/v1/namespaces/"+c.Namespace+"/pods/"+name, "/api/v1/namespaces/"+c.Namespace+"/services/"+name
			in := map[string]any{"name": name, "namespace": c.Namespace, "image": "registry.example.com/web:1", "port": 8080, "dryRun": true}
			require.Contains(t, w.ok(t, c, "pods_run", in), "Would be created (dry run: nothing was): Service "+name)
			status, _ := apiDo(t, shared.Cluster, http.MethodGet, "admin", pod)
			require.Equal(t, http.StatusNotFound, status)
			in["dryRun"] = false
			text := w.ok(t, c, "pods_run", in)
			require.Contains(t, text, "Created: Pod "+name+" in namespace "+c.Namespace+" from image registry.example.com/web:1.")
			require.Contains(t, text, "Created: Service "+name+", port 8080")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", service), `"app.kubernetes.io/managed-by":"kubernetes-mcp-edge"`)
			require.Contains(t, w.fails(t, c, "pods_run", in), "was not created: There is an object of that name already")

			one := map[string]any{"name": name, "namespace": c.Namespace, "dryRun": true}
			require.Contains(t, w.ok(t, c, "pods_delete", one), "Would be deleted (dry run: nothing was): Pod "+name)
			require.NotEmpty(t, apiGet(t, shared.Cluster, "admin", pod))
			one["dryRun"] = false
			require.Contains(t, w.ok(t, c, "pods_delete", one), "A Service that pods_run made for it goes with it.")
			goneFrom(t, pod)
			goneFrom(t, service)
			require.Contains(t, w.fails(t, c, "pods_delete", one), "There is no such object")

			// Without name and port, and where the caller may not.
			require.Regexp(t, `^Created: Pod kubernetes-mcp-edge-run-[a-z2-7]{5} in namespace `+c.Namespace,
				w.ok(t, c, "pods_run", map[string]any{"image": "web", "namespace": c.Namespace}))
			require.Contains(t, w.fails(t, c, "pods_run", map[string]any{"image": "web", "namespace": c.Foreign}), "was not created: The cluster's RBAC")
			require.Contains(t, w.fails(t, c, "pods_run", map[string]any{"image": "https://example.com/web", "namespace": c.Namespace}), "no image reference")
		})
	}
}

// TestChangePodsDelete: a Pod of a controller's is replaced, and the answer says so.
func TestChangePodsDelete(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			w.ok(t, c, "resources_create_or_update", map[string]any{"resource": applied(c, n, "red"), "namespace": c.Namespace})
			name := ""
			rig.Eventually(t, func() error {
				text := w.ok(t, c, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": c.Namespace, "labelSelector": fmt.Sprintf("app=web-%d", n)})
				var err error
				name, err = firstWord(text, fmt.Sprintf("web-%d-", n))
				return err
			})
			require.Contains(t, w.ok(t, c, "pods_delete", map[string]any{"name": name, "namespace": c.Namespace}), fmt.Sprintf("Its controller, ReplicaSet web-%d-", n))
			require.Contains(t, w.fails(t, c, "pods_delete", map[string]any{"name": name, "namespace": c.Foreign}), "was not deleted: The cluster's RBAC")
		})
	}
}
