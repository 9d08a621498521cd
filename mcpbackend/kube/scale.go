package kube

import (
	"context"
	"encoding/json"
	"net/http"
)

// Scale is what an object's scale subresource says.
type Scale struct {
	Replicas int64  // wanted
	Status   int64  // there are
	Selector string // of the Pods that are counted; "" if the kind does not say
}

// Scale reads the scale of an object: one request. A kind without one is
// Unsupported.
func (c *Client) Scale(ctx context.Context, k Kind, namespace, name string) (Scale, error) {
	return c.scale(ctx, k, namespace, name, call{method: http.MethodGet})
}

// SetScale sets how many replicas an object wants, through its scale subresource
// and nothing else: one PATCH. A kind without one is Unsupported.
func (c *Client) SetScale(ctx context.Context, k Kind, namespace, name string, replicas int64, dryRun bool) (Scale, error) {
	if replicas < 0 {
		return Scale{}, &Error{Trouble: Invalid, Detail: "there are no fewer than 0 replicas"}
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": replicas}})
	if err != nil {
		return Scale{}, &Error{Trouble: Invalid, Detail: "the scale cannot be written as JSON"}
	}
	return c.scale(ctx, k, namespace, name, call{
		method: http.MethodPatch, query: writeQuery(dryRun), contentType: "application/merge-patch+json", body: body,
	})
}

func (c *Client) scale(ctx context.Context, k Kind, namespace, name string, s call) (Scale, error) {
	segments, err := k.object(namespace, name)
	if err != nil {
		return Scale{}, err
	}
	segments = append(segments, "scale")
	s.segments, s.accept = segments, jsonType
	body, err := c.do(ctx, s)
	if noSuchAPI(err) { // the kind is there: it was resolved
		return Scale{}, &Error{Trouble: Unsupported, Status: http.StatusNotFound, Detail: "this kind has no scale"}
	}
	if err != nil {
		return Scale{}, err
	}
	var scale struct {
		Spec struct {
			Replicas int64 `json:"replicas"`
		} `json:"spec"`
		Status struct {
			Replicas int64  `json:"replicas"`
			Selector string `json:"selector"`
		} `json:"status"`
	}
	if err := decode(body, &scale); err != nil {
		return Scale{}, err
	}
	return Scale{Replicas: scale.Spec.Replicas, Status: scale.Status.Replicas, Selector: scale.Status.Selector}, nil
}
