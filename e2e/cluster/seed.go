package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
)

// admin is a client that may do anything.
func (c *cluster) admin() (*kubernetes.Clientset, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.Users["admin"].Kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1
	return kubernetes.NewForConfig(cfg)
}

// seed gives each tenant a namespace, the right to read in it and nowhere
// else, and some objects.
func (c *cluster) seed(ctx context.Context) error {
	begin := time.Now()
	api, err := c.admin()
	if err != nil {
		return err
	}
	for _, u := range users() {
		if u.namespace == "" {
			continue
		}
		if err := seedTenant(ctx, api, u); err != nil {
			return fmt.Errorf("seeding %s: %w", u.namespace, err)
		}
	}
	c.report("tenants", begin)
	return nil
}

func seedTenant(ctx context.Context, api kubernetes.Interface, u user) error {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: u.namespace, Labels: map[string]string{"owner": u.name}}
	}
	create := metav1.CreateOptions{}
	if _, err := api.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: u.namespace}}, create); err != nil {
		return err
	}
	if err := allowReading(ctx, api, u); err != nil {
		return err
	}
	for _, name := range []string{"settings", "feature-flags"} {
		object := &corev1.ConfigMap{ObjectMeta: meta(name), Data: map[string]string{"team": u.namespace}}
		if _, err := api.CoreV1().ConfigMaps(u.namespace).Create(ctx, object, create); err != nil {
			return err
		}
	}
	secret := &corev1.Secret{ObjectMeta: meta("database"), StringData: map[string]string{"password": "do-not-show-" + u.namespace}}
	if _, err := api.CoreV1().Secrets(u.namespace).Create(ctx, secret, create); err != nil {
		return err
	}
	_, err := api.AppsV1().Deployments(u.namespace).Create(ctx, deployment(meta("web")), create)
	return err
}

// allowReading lets the tenant read what is in its own namespace, Secrets
// included, and run commands in its pods. To list all namespaces stays
// forbidden: which others exist is none of its business.
func allowReading(ctx context.Context, api kubernetes.Interface, u user) error {
	create := metav1.CreateOptions{}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant", Namespace: u.namespace},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"", "apps", "batch", "events.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"create"}},
		},
	}
	if _, err := api.RbacV1().Roles(u.namespace).Create(ctx, role, create); err != nil {
		return err
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant", Namespace: u.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: u.name}},
	}
	_, err := api.RbacV1().RoleBindings(u.namespace).Create(ctx, binding, create)
	return err
}

// settled waits until the controllers have made the pods of every Deployment, so
// that whoever lists pods finds the same ones each time.
func (c *cluster) settled(ctx context.Context) error {
	api, err := c.admin()
	if err != nil {
		return err
	}
	return until(ctx, nil, func(ctx context.Context) error {
		for _, namespace := range c.Namespaces {
			pods, err := api.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			if len(pods.Items) < replicas {
				return fmt.Errorf("%s has %d of %d pods", namespace, len(pods.Items), replicas)
			}
		}
		return nil
	})
}

// replicas is how many pods each tenant's Deployment has.
const replicas = 2

// deployment is a few replicas that no node will run: the pods stay Pending.
func deployment(meta metav1.ObjectMeta) *appsv1.Deployment {
	labels := map[string]string{"app": meta.Name}
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
