package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
)

// Review is a question to the API server's authorizers: may the caller do this?
// Empty fields are what they are in RBAC: Group "" is the core group, Namespace
// "" all namespaces (or none, for a kind without), Name "" any object. "*" is
// every verb, group or resource.
type Review struct {
	Verb        string
	Group       string
	Resource    string // the plural
	Subresource string
	Namespace   string
	Name        string
}

// Allowed is the answer to a Review.
type Allowed struct {
	Allowed bool
	Reason  string // the server's words; often "" where the answer is no
}

// selfReviews posts one of the reviews that a caller makes of himself.
func (c *Client) selfReview(ctx context.Context, resource, kind string, spec, status any) error {
	body, err := json.Marshal(map[string]any{fieldAPIVersion: authorizationGroup + "/v1", fieldKind: kind, "spec": spec})
	if err != nil {
		return &Error{Trouble: Invalid, Detail: "the question cannot be written"}
	}
	answer, err := c.do(ctx, call{
		method: http.MethodPost, segments: []string{groups, authorizationGroup, "v1", resource}, accept: jsonType, body: body,
	})
	if err != nil {
		return err
	}
	return decode(answer, status)
}

// CanI asks whether the caller may do something: one SelfSubjectAccessReview.
// What the operator's own access rules say is not in the answer.
func (c *Client) CanI(ctx context.Context, r Review) (Allowed, error) {
	attributes := map[string]string{"verb": r.Verb, "group": r.Group, "resource": r.Resource}
	for name, value := range map[string]string{"subresource": r.Subresource, "namespace": r.Namespace, "name": r.Name} {
		if value != "" {
			attributes[name] = value
		}
	}
	var review struct {
		Status struct {
			Allowed bool   `json:"allowed"`
			Denied  bool   `json:"denied"`
			Reason  string `json:"reason"`
			Trouble string `json:"evaluationError"`
		} `json:"status"`
	}
	spec := map[string]any{"resourceAttributes": attributes}
	if err := c.selfReview(ctx, "selfsubjectaccessreviews", "SelfSubjectAccessReview", spec, &review); err != nil {
		return Allowed{}, err
	}
	s := review.Status
	return Allowed{
		Allowed: s.Allowed && !s.Denied,
		Reason:  c.entry.safeDetail(cmp.Or(s.Reason, s.Trouble)),
	}, nil
}

// AccessRules are what the caller may do in a namespace, as far as the server's
// authorizers can list it. The texts are the server's.
type AccessRules struct {
	Resource    []ResourceRule
	NonResource []PathRule
	Incomplete  bool // an authorizer cannot list its rules, or there were too many
}

// ResourceRule allows each verb on each resource of each group; Names, if there
// are any, narrow it to objects of these names.
type ResourceRule struct {
	Verbs, Groups, Resources, Names []string
}

// PathRule allows each verb on paths that are no resources, such as /healthz.
type PathRule struct {
	Verbs, Paths []string
}

// maxRules bounds the rules that are read; maxColumns the words in each list.
const maxRules = 1000

type sentRule struct {
	Verbs     capped[string] `json:"verbs"`
	Groups    capped[string] `json:"apiGroups"`
	Resources capped[string] `json:"resources"`
	Names     capped[string] `json:"resourceNames"`
	Paths     capped[string] `json:"nonResourceURLs"`
}

func (r *sentRule) cut() bool {
	return r.Verbs.more+r.Groups.more+r.Resources.more+r.Names.more+r.Paths.more > 0
}

// Rules asks what the caller may do in a namespace: one SelfSubjectRulesReview.
// It is for showing; CanI decides.
func (c *Client) Rules(ctx context.Context, namespace string) (AccessRules, error) {
	var review struct {
		Status struct {
			Resource    capped[sentRule] `json:"resourceRules"`
			NonResource capped[sentRule] `json:"nonResourceRules"`
			Incomplete  bool             `json:"incomplete"`
		} `json:"status"`
	}
	s := &review.Status
	s.Resource.limit, s.NonResource.limit = maxRules, maxRules
	spec := map[string]any{"namespace": namespace}
	if err := c.selfReview(ctx, "selfsubjectrulesreviews", "SelfSubjectRulesReview", spec, &review); err != nil {
		return AccessRules{}, err
	}
	rules := AccessRules{Incomplete: s.Incomplete || s.Resource.more+s.NonResource.more > 0}
	for _, r := range s.Resource.items {
		rules.Incomplete = rules.Incomplete || r.cut()
		rules.Resource = append(rules.Resource, ResourceRule{r.Verbs.items, r.Groups.items, r.Resources.items, r.Names.items})
	}
	for _, r := range s.NonResource.items {
		rules.Incomplete = rules.Incomplete || r.cut()
		rules.NonResource = append(rules.NonResource, PathRule{r.Verbs.items, r.Paths.items})
	}
	return rules, nil
}
