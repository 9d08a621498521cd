package server

// leakyObject is an object of a kind, with the canaries wherever it has text.
func leakyObject(version, kind, namespace, name string) map[string]any {
	object := map[string]any{
		"apiVersion": version, "kind": kind,
		"metadata": map[string]any{
			"name": name, "uid": "u-1", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 2,
			"labels": map[string]any{"app": "web", "example.com/token": lettersToken},
			"annotations": map[string]any{
				"kubectl.kubernetes.io/last-applied-configuration": `{"stringData":{"password":"` + canarySecret + `"}}`, "example.com/copy": copied, "example.com/yaml": blockCopied, "example.com/note": shapes,
			},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "Broken", "message": shapes + blockCopied}}},
	}
	if namespace != "" {
		object["metadata"].(map[string]any)["namespace"] = namespace
	}
	template := map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "web"}, "annotations": map[string]any{"example.com/copy": copied}}, "spec": leakyPodSpec()}
	selector := map[string]any{"matchLabels": map[string]any{"app": "web"}}
	status := object["status"].(map[string]any)
	switch kind {
	case "Secret":
		object["metadata"].(map[string]any)["annotations"].(map[string]any)["example.com/own"] = "{" + canarySecret + "}"
		object["type"] = "bootstrap.kubernetes.io/token"
		object["data"] = map[string]any{"password": encoded(canarySecret), "token-secret": encoded("ghijklmnopqrstuv")}
		object["stringData"] = map[string]any{"password": canarySecret}
	case "ConfigMap":
		object["data"] = map[string]any{"join": shapes, "manifest": blockCopied, "json": copied, "joinToken": lettersToken}
		object["binaryData"] = map[string]any{"key": encoded(privateKey)}
	case "Pod":
		object["spec"] = leakyPodSpec()
		status["phase"], status["message"], status["reason"] = "Pending", shapes, "Broken"
		status["containerStatuses"] = []any{leakyContainer("app"), leakyContainer("side")}
		status["initContainerStatuses"] = []any{leakyContainer("setup")}
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController":
		object["spec"] = map[string]any{"replicas": 2, "selector": selector, "template": template}
		status["replicas"], status["readyReplicas"], status["unavailableReplicas"], status["observedGeneration"] = 2, 0, 2, 2
		status["desiredNumberScheduled"], status["numberReady"] = 2, 0
	case "Job":
		object["spec"] = map[string]any{"completions": 1, "selector": selector, "template": template}
		status["failed"] = 3
	case "CronJob":
		object["spec"] = map[string]any{"schedule": "* * * * *", "jobTemplate": map[string]any{"spec": map[string]any{"template": template}}}
	case "Widget":
		object["spec"] = map[string]any{
			"manifests": []any{map[string]any{"kind": "Secret", "data": map[string]any{"password": encoded(canarySecret)}, "stringData": map[string]any{"password": canarySecret}}},
			"text":      blockCopied, "join": map[string]any{"token": lettersToken}, "key": privateKey,
		}
	case "Event":
		object["type"], object["reason"], object["message"], object["count"], object["lastTimestamp"] = "Warning", "BackOff", shapes+blockCopied, 3, "2026-01-01T00:00:00Z"
		object["involvedObject"] = map[string]any{"kind": "Pod", "name": "a", "namespace": "team-a", "uid": "u-1", "fieldPath": shapes}
		object["source"] = map[string]any{"component": shapes}
		object["reportingComponent"] = shapes
	case "Node":
		status["allocatable"] = map[string]any{"cpu": "1", "memory": "1Gi", "pods": "10"}
		status["nodeInfo"] = map[string]any{"kubeletVersion": shapes}
	case "PodMetrics":
		object["containers"] = []any{map[string]any{"name": shapes, "usage": map[string]any{"cpu": serviceToken, "memory": "1Mi"}}}
	case "NodeMetrics":
		object["usage"] = map[string]any{"cpu": bootstrapToken, "memory": "1Gi"}
	case "Namespace":
		status["phase"] = "Active"
	case "Service":
		object["spec"] = map[string]any{"selector": map[string]any{"app": "web"}, "externalName": serviceToken, "ports": []any{map[string]any{"port": 80}}}
	case "PersistentVolumeClaim":
		object["spec"] = map[string]any{"accessModes": []any{"ReadWriteOnce"}}
		status["phase"] = "Pending"
	}
	return object
}

func leakyPodSpec() map[string]any {
	container := func(name string) map[string]any {
		return map[string]any{
			"name": name, "image": "registry.example.com/web:1", "command": []any{"sh", "-c", shapes}, "args": []any{"--token", bootstrapToken},
			"env": []any{
				map[string]any{"name": "JOIN_TOKEN", "value": lettersToken}, map[string]any{"name": "KEY", "value": privateKey}, map[string]any{"name": "MANIFEST", "value": copied},
				map[string]any{"name": "FROM", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "a", "key": "password"}}},
			},
		}
	}
	return map[string]any{"containers": []any{container("app"), container("side")}, "initContainers": []any{container("setup")}, "nodeName": "a"}
}

func leakyContainer(name string) map[string]any {
	return map[string]any{
		"name": name, "restartCount": 5, "ready": false, "image": serviceToken,
		"state":     map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff", "message": shapes + blockCopied}},
		"lastState": map[string]any{"terminated": map[string]any{"exitCode": 1, "reason": "Error", "message": shapes + blockCopied}},
	}
}
