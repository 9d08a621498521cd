package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// survey reads what a diagnosis needs, and keeps what it could not read: that
// is a part of the answer, not the end of it, unless nothing can be read at all.
type survey struct {
	ctx context.Context
	c   *kube.Client
	now time.Time

	findings []finding
	unread   []string // such as "nodes (forbidden)"
	notes    []string // what was not looked at because it is too much
	broken   error    // nothing more is asked once this is set
	read     bool     // anything was read
	first    error    // why the first thing was not read
}

// failed is the error of a survey that saw nothing: then what kept it from
// seeing is the answer.
func (s *survey) failed() error {
	if s.broken == nil && !s.read {
		return s.first
	}
	return s.broken
}

// The limits of what is read: objects a page, and pages.
const (
	perPage    = 200
	podPages   = 3
	eventPages = 2
)

func newSurvey(ctx context.Context, c *kube.Client) *survey {
	return &survey{ctx: ctx, c: c, now: time.Now()}
}

// could reports whether err is nil, and otherwise notes what was not read.
func (s *survey) could(what string, err error) bool {
	if err == nil {
		return true
	}
	if s.first == nil {
		s.first = err
	}
	var unknown *kube.UnknownKindError
	var e *kube.Error
	switch {
	case errors.As(err, &unknown):
		s.unread = append(s.unread, what+" (unknown-kind)")
	case errors.As(err, &e) && slices.Contains([]kube.Trouble{
		kube.Forbidden, kube.Denied, kube.NotFound, kube.NoSuchAPI, kube.Unsupported, kube.TooLarge, kube.Garbled, kube.Failed, kube.Invalid,
	}, e.Trouble):
		s.unread = append(s.unread, what+" ("+e.Trouble.String()+")")
	case s.broken == nil:
		s.broken = err
	}
	return false
}

// all lists objects, page by page; "" is every namespace.
func (s *survey) all(apiVersion, kind, namespace, labelSelector, fieldSelector string, pages int) []map[string]any {
	if s.broken != nil {
		return nil
	}
	k, err := s.c.Resolve(s.ctx, apiVersion, kind)
	if !s.could(kind+"s", err) {
		return nil
	}
	o := kube.ListOptions{Namespace: namespace, LabelSelector: labelSelector, FieldSelector: fieldSelector, Limit: perPage}
	var out []map[string]any
	for range pages {
		page, err := s.c.Objects(s.ctx, k, o)
		if !s.could(k.Resource, err) {
			return out
		}
		s.read = true
		out = append(out, page.Items...)
		if o.Continue = page.Continue; o.Continue == "" && page.More == 0 {
			return out
		}
		if o.Continue == "" || len(o.Continue) > answer.MaxSelector {
			break
		}
	}
	s.notes = append(s.notes, fmt.Sprintf("only the first %d %s were looked at", len(out), k.Resource))
	return out
}

// one gets an object; nil if it cannot be had.
func (s *survey) one(apiVersion, kind, namespace, name string) map[string]any {
	what := kind + "/" + answer.Quoted(name)
	if s.broken != nil || !kube.ValidName(name) || !kube.ValidAPIVersion(apiVersion) || !kube.ValidKind(kind) {
		return nil
	}
	k, err := s.c.Resolve(s.ctx, apiVersion, kind)
	if !s.could(what, err) {
		return nil
	}
	if !k.Namespaced {
		namespace = ""
	}
	o, err := s.c.Get(s.ctx, k, namespace, name)
	if !s.could(what, err) {
		return nil
	}
	s.read = true
	return typed(o, k)
}

// typed says what the object is, where the server does not.
func typed(o map[string]any, k kube.Kind) map[string]any {
	if o == nil {
		return map[string]any{"kind": k.Kind}
	}
	if text(o, "kind") == "" {
		o["kind"] = k.Kind
	}
	return o
}

func (s *survey) judge(objects ...map[string]any) {
	for _, o := range objects {
		s.findings = append(s.findings, objectFindings(o, s.now)...)
	}
}

// selectorOf is the label selector of a workload or a Service as a query; "" if
// it selects nothing that could be asked for.
func selectorOf(o map[string]any) string {
	labels, _ := dig(o, "spec", "selector", "matchLabels").(map[string]any)
	if text(o, "kind") == serviceKind || text(o, "kind") == "ReplicationController" {
		labels, _ = dig(o, "spec", "selector").(map[string]any)
	}
	var terms []string
	for key, value := range labels {
		v, _ := value.(string)
		terms = append(terms, key+"="+v)
	}
	for _, e := range list(o, "spec", "selector", "matchExpressions") {
		key, values := text(e, "key"), []string{}
		for _, v := range list(e, "values") {
			word, _ := v.(string)
			values = append(values, word)
		}
		switch text(e, "operator") {
		case "In":
			terms = append(terms, key+" in ("+strings.Join(values, ",")+")")
		case "NotIn":
			terms = append(terms, key+" notin ("+strings.Join(values, ",")+")")
		case "Exists":
			terms = append(terms, key)
		case "DoesNotExist":
			terms = append(terms, "!"+key)
		}
	}
	slices.Sort(terms)
	selector := strings.Join(terms, ",")
	if len(selector) > answer.MaxSelector || strings.ContainsFunc(selector, kube.Hidden) {
		return ""
	}
	return selector
}

// warning is one event.
type warning struct {
	at              time.Time
	kind, name, uid string
	reason, message string
	count           int64
}

// warnings are the events of type Warning, the newest last.
func (s *survey) warnings(namespace, fieldSelector string) []warning {
	selector := "type=Warning"
	if fieldSelector != "" {
		selector += "," + fieldSelector
	}
	events := s.all("v1", "Event", namespace, "", selector, eventPages)
	out := make([]warning, 0, len(events))
	for _, e := range events {
		w := warning{
			kind: text(e, "involvedObject", "kind"), name: text(e, "involvedObject", "name"),
			uid: text(e, "involvedObject", "uid"), reason: text(e, "reason"), message: text(e, "message"),
			count: max(number(e, "count"), number(e, "series", "count"), 1),
		}
		for _, t := range []time.Time{
			moment(e, "series", "lastObservedTime"), moment(e, "lastTimestamp"), moment(e, "eventTime"), moment(e, "firstTimestamp"), moment(e, "metadata", "creationTimestamp"),
		} {
			if !t.IsZero() {
				w.at = t
				break
			}
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b warning) int { return a.at.Compare(b.at) })
	return out
}
