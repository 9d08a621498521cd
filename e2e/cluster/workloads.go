package main

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// workload is a Deployment that every tenant has.
type workload struct {
	name, image string
	replicas    int
	selector    map[string]string // of nodes
	// settled says what is still missing until a Pod is as it will stay.
	settled func(pod corev1.Pod, events string) error
}

// workloads are one that runs and two that cannot start: no registry has the
// image of importer, and no node the label that renderer asks for.
func workloads() []workload {
	return []workload{
		{name: "web", image: "registry.example.com/web:1", replicas: 2, settled: running},
		{name: "importer", image: missingImage, replicas: 1, settled: told("Failed")},
		{
			name: "renderer", image: "registry.example.com/renderer:1", replicas: 1,
			selector: map[string]string{"example.com/accelerator": "gpu"}, settled: told("FailedScheduling"),
		},
	}
}

// deploy makes the tenants' Deployments once there is somebody to see to them,
// so that the events are the same each time, and waits until their Pods are as
// they will stay.
func (c *cluster) deploy(ctx context.Context, client kubernetes.Interface) error {
	for _, u := range c.users[1:] {
		for _, w := range workloads() {
			_, err := client.AppsV1().Deployments(u.namespace).Create(ctx, w.deployment(u.owns(w.name)), metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("create %s in %s: %w", w.name, u.namespace, err)
			}
		}
	}
	if c.options.apiserverOnly {
		return nil
	}
	for _, u := range c.users[1:] {
		for _, w := range workloads() {
			err := until(ctx, w.name+" in "+u.namespace, func(ctx context.Context) error { return w.look(ctx, client, u.namespace) })
			if err != nil {
				return err
			}
		}
	}
	c.say("Pods")
	return nil
}

func (w workload) deployment(meta metav1.ObjectMeta) *appsv1.Deployment {
	labels := map[string]string{"app": w.name}
	return &appsv1.Deployment{
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(w.replicas)), //nolint:gosec // one or two
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					NodeSelector: w.selector,
					Containers:   []corev1.Container{{Name: w.name, Image: w.image}},
				},
			},
		},
	}
}

func running(pod corev1.Pod, _ string) error {
	if pod.Status.Phase != corev1.PodRunning {
		return fmt.Errorf("%s is %s", pod.Name, pod.Status.Phase)
	}
	return nil
}

// told waits for an event with this reason.
func told(reason string) func(corev1.Pod, string) error {
	return func(pod corev1.Pod, events string) error {
		if !strings.Contains(events, " "+reason+" ") {
			return fmt.Errorf("%s has no event %s", pod.Name, reason)
		}
		return nil
	}
}

// look returns nil when all Pods are as they will stay.
func (w workload) look(ctx context.Context, client kubernetes.Interface, namespace string) error {
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + w.name})
	if err != nil {
		return err
	}
	if len(pods.Items) != w.replicas {
		return fmt.Errorf("%d of %d Pods", len(pods.Items), w.replicas)
	}
	for _, pod := range pods.Items {
		events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(),
		})
		if err != nil {
			return err
		}
		reasons := " "
		for _, e := range events.Items {
			reasons += e.Reason + " "
		}
		if err := w.settled(pod, reasons); err != nil {
			return err
		}
	}
	return nil
}
