package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// fieldManager owns the fields that this program sets, in metadata.managedFields.
const fieldManager = "kubernetes-mcp-edge"

// maxObject bounds an object that is sent, in bytes: etcd takes 1.5 MiB.
const maxObject = 2 << 20

// ApplyOptions say how an object is applied.
type ApplyOptions struct {
	DryRun bool // the server checks and defaults, and keeps nothing
	Force  bool // takes over fields that other managers own
}

// Applied is an object as it is after a write, or as it would be.
type Applied struct {
	Object  map[string]any // numbers are json.Number
	Created bool
}

// Apply makes the object be as given, by server-side apply: one PATCH. Fields
// that are left out stay as they are, unless this program set them before. The
// object need not say what it is: apiVersion, kind, name and namespace are set
// from the arguments, and managedFields, which no apply may hold, are left out.
// Unknown fields are refused. Without Force an object whose fields another
// manager owns is a Conflict that names them.
func (c *Client) Apply(ctx context.Context, k Kind, namespace, name string, object map[string]any, o ApplyOptions) (Applied, error) {
	query := writeQuery(o.DryRun)
	query.Set("fieldValidation", "Strict")
	if o.Force {
		query.Set("force", "true")
	}
	body, err := written(k, namespace, name, object)
	if err != nil {
		return Applied{}, err
	}
	segments, err := k.object(namespace, name)
	if err != nil {
		return Applied{}, err
	}
	applied, err := c.write(ctx, k, call{
		method: http.MethodPatch, segments: segments, query: query,
		contentType: "application/apply-patch+yaml", body: body, // JSON is YAML
	})
	return applied, untyped(err)
}

// untyped knows by its text the one failure that is the caller's and that an API
// server calls its own: a field that the kind does not have, or a value that it
// cannot have there (kubernetes 1.37 answers 500).
func untyped(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusInternalServerError && strings.HasPrefix(e.Detail, "failed to create typed patch object") {
		return &Error{Trouble: Invalid, Status: e.Status, Detail: e.Detail, cause: e.cause}
	}
	return err
}

// Create makes a new object: one POST. Where there is one of that name the
// Trouble is Exists. metadata.generateName is an alternative to a name.
func (c *Client) Create(ctx context.Context, k Kind, namespace string, object map[string]any, dryRun bool) (Applied, error) {
	query := writeQuery(dryRun)
	query.Set("fieldValidation", "Strict")
	if _, err := k.object(namespace, ""); err != nil {
		return Applied{}, err
	}
	body, err := written(k, namespace, "", object)
	if err != nil {
		return Applied{}, err
	}
	return c.write(ctx, k, call{method: http.MethodPost, segments: k.path(namespace), query: query, body: body})
}

func writeQuery(dryRun bool) url.Values {
	query := url.Values{"fieldManager": {fieldManager}}
	if dryRun {
		query.Set("dryRun", "All")
	}
	return query
}

// written is the object in JSON, with what the path says of it.
func written(k Kind, namespace, name string, object map[string]any) ([]byte, error) {
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	object[fieldAPIVersion], object[fieldKind] = k.APIVersion(), k.Kind
	sent, _ := object["metadata"].(map[string]any)
	metadata := maps.Clone(sent)
	if metadata == nil {
		metadata = map[string]any{}
	}
	delete(metadata, "managedFields")
	if name != "" {
		metadata["name"] = name
	}
	if k.Namespaced && namespace != "" {
		metadata["namespace"] = namespace
	}
	object["metadata"] = metadata
	body, err := json.Marshal(object)
	if err != nil {
		return nil, &Error{Trouble: Invalid, Detail: "the object cannot be written as JSON"}
	}
	if len(body) > maxObject {
		return nil, &Error{Trouble: Invalid, Detail: fmt.Sprintf("the object is larger than %d MiB", maxObject>>20)}
	}
	return body, nil
}

func (c *Client) write(ctx context.Context, k Kind, w call) (Applied, error) {
	w.accept = jsonType
	r, err := c.ask(ctx, w)
	if err != nil {
		return Applied{}, c.noted(k, err)
	}
	out := Applied{Created: r.status == http.StatusCreated}
	return out, decode(r.body, &out.Object)
}

// DeleteOptions say how an object is deleted.
type DeleteOptions struct {
	Grace  *int64 // seconds that its containers have to end; nil is what the object says
	DryRun bool   // the server checks, and deletes nothing
	UID    string // only if the object has this uid; "" is any
}

// Deleted is what became of an object.
type Deleted struct {
	Pending    bool     // it is still there: its containers end, or its finalizers run
	Finalizers []string // what it waits for; the server's words
}

// Delete deletes one object: one DELETE. What it owns is deleted after it, as
// kubectl does (the API's own default for Jobs leaves their Pods behind). An
// object with another uid is a Conflict.
func (c *Client) Delete(ctx context.Context, k Kind, namespace, name string, o DeleteOptions) (Deleted, error) {
	options := map[string]any{fieldAPIVersion: "v1", fieldKind: "DeleteOptions", "propagationPolicy": "Background"}
	if o.Grace != nil {
		options["gracePeriodSeconds"] = *o.Grace
	}
	if o.DryRun {
		options["dryRun"] = []string{"All"}
	}
	if o.UID != "" {
		options["preconditions"] = map[string]string{"uid": o.UID}
	}
	body, err := json.Marshal(options)
	if err != nil {
		return Deleted{}, &Error{Trouble: Invalid, Detail: "the options cannot be written as JSON"}
	}
	segments, err := k.object(namespace, name)
	if err != nil {
		return Deleted{}, err
	}
	answer, err := c.do(ctx, call{method: http.MethodDelete, segments: segments, accept: jsonType, body: body})
	if err != nil {
		return Deleted{}, c.noted(k, err)
	}
	var left struct {
		Metadata struct {
			Deleting   string         `json:"deletionTimestamp"`
			Finalizers capped[string] `json:"finalizers"`
		} `json:"metadata"`
	}
	if err := decodeList(answer, &left); err != nil {
		return Deleted{}, err
	}
	if left.Metadata.Deleting == "" { // a Status, or the object as it was
		return Deleted{}, nil
	}
	return Deleted{Pending: true, Finalizers: left.Metadata.Finalizers.items}, nil
}
