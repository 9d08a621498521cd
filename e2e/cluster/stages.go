package main

import (
	"bytes"
	"context"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	"sigs.k8s.io/kwok/kustomize/stage/node/heartbeat"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
)

// missingImage is the image that no registry has.
const missingImage = "registry.example.com/missing:1"

// imageMissing is the stage of a Pod whose image cannot be pulled: it stays
// Pending, its container waits, and an event says why. What a kubelet does
// again and again is done once.
const imageMissing = `apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-image-missing
spec:
  resourceRef:
    apiGroup: v1
    kind: Pod
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: '.spec.containers.[].image', operator: In, values: [` + missingImage + `]}
    - {key: '.status.containerStatuses.[].state.waiting.reason', operator: NotIn, values: [ImagePullBackOff]}
  next:
    event:
      type: Warning
      reason: Failed
      message: 'Failed to pull image "` + missingImage + `": not found'
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      {{ range $type := list "Ready" "ContainersReady" }}
      - type: {{ $type }}
        status: "False"
        reason: ContainersNotReady
        message: containers without an image cannot start
        lastTransitionTime: {{ $now | Quote }}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        ready: false
        restartCount: 0
        state:
          waiting:
            reason: ImagePullBackOff
            message: {{ printf "Back-off pulling image %q" .image | Quote }}
      {{ end }}
      phase: Pending
      startTime: {{ $now | Quote }}
`

// stages is kwok's configuration: the stages that it ships, but Pods whose image
// is missing do not become ready.
func stages() ([]byte, error) {
	var all []config.InternalObject
	for _, text := range []string{
		nodefast.DefaultNodeInit, heartbeat.DefaultNodeHeartbeat,
		podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete, imageMissing,
	} {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](text)
		if err != nil {
			return nil, err
		}
		if text == podfast.DefaultPodReady {
			stage.Spec.Selector.MatchExpressions = append(stage.Spec.Selector.MatchExpressions, internalversion.MatchExpression{
				JQ: &internalversion.SelectorJQ{
					Key: ".spec.containers.[].image", Operator: internalversion.SelectorOpNotIn, Values: []string{missingImage},
				},
			})
		}
		all = append(all, stage)
	}
	var out bytes.Buffer
	err := config.SaveTo(context.Background(), &out, all)
	return out.Bytes(), err
}
