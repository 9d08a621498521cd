package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// seed makes the tenants' namespaces and what is in them, and waits until the
// controllers have seen it.
func (c *cluster) seed(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host:            c.url(),
		BearerToken:     c.users[0].token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority.pem},
		QPS:             -1,
	})
	if err != nil {
		return err
	}
	for _, u := range c.users[1:] {
		if err := home(ctx, client, u); err != nil {
			return fmt.Errorf("fill namespace %s: %w", u.namespace, err)
		}
	}
	c.say("namespaces %s, %s", teamA, teamB)
	if c.options.apiserverOnly {
		return nil
	}
	for _, u := range c.users[1:] {
		if err := settled(ctx, client, u.namespace); err != nil {
			return err
		}
	}
	return nil
}

// settled waits for the Pods of the Deployment, so that whoever lists finds the
// same ones each time.
func settled(ctx context.Context, client kubernetes.Interface, namespace string) error {
	return until(ctx, "the Deployment in "+namespace, func(ctx context.Context) error {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err == nil && len(pods.Items) < replicas {
			err = fmt.Errorf("%d of %d Pods", len(pods.Items), replicas)
		}
		return err
	})
}

// home makes one tenant's namespace.
func home(ctx context.Context, client kubernetes.Interface, u user) error {
	var create metav1.CreateOptions
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: u.namespace, Labels: map[string]string{"owner": u.name}}
	}
	_, err := client.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: u.namespace}}, create)
	if err != nil {
		return err
	}
	if err := allow(ctx, client, u); err != nil {
		return err
	}
	for _, name := range []string{"settings", "feature-flags"} {
		object := &corev1.ConfigMap{ObjectMeta: meta(name), Data: map[string]string{"team": u.namespace}}
		if _, err := client.CoreV1().ConfigMaps(u.namespace).Create(ctx, object, create); err != nil {
			return err
		}
	}
	secret := &corev1.Secret{ObjectMeta: meta("database"), StringData: map[string]string{"password": secretMarker(u.namespace)}}
	if _, err := client.CoreV1().Secrets(u.namespace).Create(ctx, secret, create); err != nil {
		return err
	}
	_, err = client.AppsV1().Deployments(u.namespace).Create(ctx, web(meta("web")), create)
	return err
}

// secretMarker is the recognisable value in a namespace's Secret "database": no
// answer may ever hold it.
func secretMarker(namespace string) string { return "do-not-show-" + namespace }

// replicas is how many Pods each tenant's Deployment has. No node will run them.
const replicas = 2

func web(meta metav1.ObjectMeta) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(replicas)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example.com/web:1"}}},
			},
		},
	}
}

// allow lets a tenant read its own namespace: the Namespace object itself and
// the objects in it, Secrets included, and run commands in its Pods. Listing all namespaces stays forbidden, so
// that a tenant sees the API server's honest refusal and not a short list.
func allow(ctx context.Context, client kubernetes.Interface, u user) error {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant", Namespace: u.namespace},
		Rules: []rbacv1.PolicyRule{
			{
				APIGroups: []string{corev1.GroupName, appsv1.GroupName, "batch", "events.k8s.io"},
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
