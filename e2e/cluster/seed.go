package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// client is the admin's.
func (c *cluster) client() (kubernetes.Interface, error) {
	return kubernetes.NewForConfig(&rest.Config{
		Host:            c.url(),
		BearerToken:     c.users[0].token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority.pem},
		QPS:             -1,
	})
}

// seed makes the tenants' namespaces and what is in them but Pods.
func (c *cluster) seed(ctx context.Context, client kubernetes.Interface) error {
	for _, u := range c.users[1:] {
		if err := c.home(ctx, client, u); err != nil {
			return fmt.Errorf("fill namespace %s: %w", u.namespace, err)
		}
	}
	c.say("namespaces %s, %s", teamA, teamB)
	return nil
}

// home makes one tenant's namespace.
func (c *cluster) home(ctx context.Context, client kubernetes.Interface, u user) error {
	var create metav1.CreateOptions
	_, err := client.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: u.namespace}}, create)
	if err != nil {
		return err
	}
	if err := allow(ctx, client, u); err != nil {
		return err
	}
	// The last one is in the lists of one cluster and not of another.
	for _, name := range []string{"settings", "feature-flags", "cluster-" + c.options.name} {
		object := &corev1.ConfigMap{ObjectMeta: u.owns(name), Data: map[string]string{"team": u.namespace, "cluster": c.options.name}}
		if _, err := client.CoreV1().ConfigMaps(u.namespace).Create(ctx, object, create); err != nil {
			return err
		}
	}
	secret := &corev1.Secret{ObjectMeta: u.owns("database"), StringData: map[string]string{"password": secretMarker(u.namespace)}}
	_, err = client.CoreV1().Secrets(u.namespace).Create(ctx, secret, create)
	return err
}

// owns is the metadata of an object in the user's namespace.
func (u user) owns(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: u.namespace, Labels: map[string]string{"owner": u.name}}
}

// secretMarker is the recognisable value in a namespace's Secret "database": no
// answer may ever hold it.
func secretMarker(namespace string) string { return "do-not-show-" + namespace }

// allow lets a tenant read its own namespace: the Namespace object itself and
// the objects in it, Secrets included, and run commands in its Pods. Listing all
// namespaces stays forbidden, so that a tenant sees the API server's honest
// refusal and not a short list.
func allow(ctx context.Context, client kubernetes.Interface, u user) error {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant", Namespace: u.namespace},
		Rules: []rbacv1.PolicyRule{
			{
				APIGroups: []string{corev1.GroupName, "apps", "batch", "events.k8s.io"},
				Resources: []string{rbacv1.ResourceAll},
				Verbs:     []string{"get", "list", "watch"},
			},
			{APIGroups: []string{corev1.GroupName}, Resources: []string{"pods/exec"}, Verbs: []string{"create"}},
		},
	}
	if _, err := client.RbacV1().Roles(u.namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := client.RbacV1().RoleBindings(u.namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: u.name}},
	}, metav1.CreateOptions{})
	return err
}
