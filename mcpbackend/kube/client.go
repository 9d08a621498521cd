package kube

import (
	"context"
	"net/http"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Client acts as one caller on one server, for one request. It is made by
// Clients.For and nothing else. Every method needs a context with a deadline,
// makes the requests it names and no others, and returns an *Error, or for
// Resolve an *UnknownKindError.
type Client struct {
	entry  *entry
	target kubeheader.Target
	said   *said
	hold   *hold
}

// Server is the canonical URL of the API server.
func (c *Client) Server() string { return c.target.Server.String() }

// Namespace is the caller's default namespace; "" if he named none.
func (c *Client) Namespace() string { return c.target.Namespace }

// Scrub takes the caller's token out of text that came from the server.
func (c *Client) Scrub(text string) string { return scrub(c.target.Auth, text) }

func (c *Client) do(ctx context.Context, k call) ([]byte, error) {
	r, err := c.ask(ctx, k)
	return r.body, err
}

func (c *Client) ask(ctx context.Context, k call) (reply, error) {
	return c.entry.ask(saying(ctx, c.said), k)
}

// Identity is who the server takes the caller for.
type Identity struct {
	Username string
	UID      string
	Groups   []string
}

// WhoAmI asks the server for the caller's identity: one SelfSubjectReview
// (authentication.k8s.io/v1, Kubernetes 1.28 and later).
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	body, err := c.do(ctx, call{
		method: http.MethodPost, segments: []string{groups, authenticationGroup, "v1", "selfsubjectreviews"},
		accept: jsonType, body: []byte(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`),
	})
	if err != nil {
		return Identity{}, err
	}
	var review struct {
		Status struct {
			UserInfo Identity `json:"userInfo"`
		} `json:"status"`
	}
	if err := decode(body, &review); err != nil {
		return Identity{}, err
	}
	return review.Status.UserInfo, nil
}

// ServerVersion is the server's version, such as "v1.37.2": one request, then
// none as long as the client is kept.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	c.entry.mu.Lock()
	known := c.entry.version
	c.entry.mu.Unlock()
	if known != "" {
		return known, nil
	}
	body, err := c.do(ctx, call{method: http.MethodGet, segments: []string{"version"}, accept: jsonType})
	if err != nil {
		return "", err
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := decode(body, &v); err != nil {
		return "", err
	}
	if len(v.GitVersion) > maxLabelLength {
		return "", &Error{Trouble: Garbled, Detail: "the version is no version"}
	}
	c.entry.mu.Lock()
	defer c.entry.mu.Unlock()
	c.entry.version = v.GitVersion
	return v.GitVersion, nil
}

// ListOptions narrow a list.
type ListOptions struct {
	Namespace     string // "" means all, or none for a kind without namespaces
	LabelSelector string
	FieldSelector string
	Limit         int    // at most this many are asked for and returned; 0: ask for all, return 1000
	Continue      string // from the Table before
}

// tableType asks the server to print (meta.k8s.io/v1 Table); one that cannot
// answers with the objects.
const tableType = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

// List lists objects of a kind: one request. Where all objects are in one place,
// the server is asked for the cells alone: the metadata beside them are many
// times as long, and say no more than the name, which is a column.
func (c *Client) List(ctx context.Context, k Kind, o ListOptions) (Table, error) {
	alone := o.Namespace != "" || !k.Namespaced
	body, err := c.list(ctx, k, o, tableType, alone)
	if err != nil {
		return Table{}, err
	}
	t, named, err := readTable(body, o.Limit)
	if alone && err == nil && !named { // a server of which no column is the name
		if body, err = c.list(ctx, k, o, tableType, false); err != nil {
			return Table{}, err
		}
		t, _, err = readTable(body, o.Limit)
	}
	for i := range t.Rows {
		if alone && k.Namespaced {
			t.Rows[i].Namespace = o.Namespace
		}
	}
	return t, err
}

// Get returns one object as the server has it: one request. Numbers are
// json.Number.
func (c *Client) Get(ctx context.Context, k Kind, namespace, name string) (map[string]any, error) {
	segments, err := k.object(namespace, name)
	if err != nil {
		return nil, err
	}
	body, err := c.do(ctx, call{method: http.MethodGet, segments: segments, accept: jsonType})
	if err != nil {
		return nil, c.noted(k, err)
	}
	if err := c.hold.room(ctx, size(body)); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := decode(body, &object); err != nil {
		return nil, err
	}
	return object, nil
}

// noted forgets what was learnt of an API that is gone.
func (c *Client) noted(k Kind, err error) error {
	if noSuchAPI(err) {
		c.entry.forgetGroup(k.APIVersion())
	}
	return err
}
