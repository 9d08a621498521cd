package describe

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	kubectl "k8s.io/kubectl/pkg/describe"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Description is what is to say about an object.
type Description struct {
	Text      string   // clean and redacted; its columns are aligned
	Unread    []string // what belongs to it and could not be read, such as "events (forbidden)"
	Shortened bool     // long texts, arrays or lists were cut before they were written
}

// chunk is how many objects of a list are asked for at a time.
const chunk = 250

// Object describes one object with its events: one request for the object, and
// those that kubectl's describer of its kind makes; a kind that has none is
// written field by field. The error is an *kube.Error about the object itself.
func Object(ctx context.Context, c *kube.Client, kind kube.Kind, namespace, name string) (Description, error) {
	whole, err := c.Get(ctx, kind, namespace, name)
	if err != nil {
		return Description{}, err
	}
	w := newWire(ctx, c, kind, namespace, name)
	if err := w.keep(whole); err != nil {
		return Description{}, err
	}
	text, err := write(w, kind, namespace, name)
	if ended := answer.Ended(ctx); ended != nil {
		return Description{}, ended
	}
	if err != nil {
		return Description{}, err
	}
	slices.Sort(w.unread)
	return Description{Text: answer.Clean(c.Scrub(text)), Unread: slices.Compact(w.unread), Shortened: w.shortened}, nil
}

// write tries kubectl's describer of the kind, and what needs less where that
// fails: some give up when the events are forbidden, and all believe that fields
// which an API server has to fill are filled.
func write(w *wire, kind kube.Kind, namespace, name string) (string, error) {
	config := w.config()
	gvk := schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
	mapping := &meta.RESTMapping{Resource: gvk.GroupVersion().WithResource(kind.Resource), GroupVersionKind: gvk, Scope: meta.RESTScopeRoot}
	if kind.Namespaced {
		mapping.Scope = meta.RESTScopeNamespace
	}
	own := func() (kubectl.ResourceDescriber, bool) { return kubectl.DescriberFor(gvk.GroupKind(), config) }
	generic := func() (kubectl.ResourceDescriber, bool) { return kubectl.GenericDescriberFor(mapping, config) }
	for _, made := range []func() (kubectl.ResourceDescriber, bool){own, generic} {
		describer, ok := made()
		for _, events := range []bool{true, false} {
			if !ok || w.ctx.Err() != nil {
				break
			}
			text, err := safely(describer, namespace, name, kubectl.DescriberSettings{ShowEvents: events, ChunkSize: chunk})
			if err == nil {
				return text, nil
			}
		}
	}
	return "", &kube.Error{Trouble: kube.Garbled, Status: http.StatusOK, Detail: "the object is not what its API promises"}
}

// safely contains a describer that follows a pointer which a server left out.
func safely(d kubectl.ResourceDescriber, namespace, name string, s kubectl.DescriberSettings) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			text, err = "", fmt.Errorf("describe: the describer stopped: %T", p)
		}
	}()
	return d.Describe(namespace, name, s)
}

// config leads client-go to the wire and nowhere else. Everything about TLS, the
// credential and the limits is behind it.
func (w *wire) config() *rest.Config {
	return &rest.Config{
		Host:           w.server,
		Transport:      w,
		QPS:            -1, // calls are limited elsewhere
		WarningHandler: rest.NoWarnings{},
		ContentConfig:  rest.ContentConfig{AcceptContentTypes: jsonType, ContentType: jsonType},
	}
}

const jsonType = "application/json"
