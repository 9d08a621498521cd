package change

import (
	"fmt"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// The limits of a manifest. It is a caller's text, and a few bytes of YAML can
// stand for any number of values: each is counted before it is built.
const (
	maxManifest  = 512 << 10 // bytes
	maxDocuments = 100       // objects, those inside of Lists counted one by one
	maxDepth     = 60        // levels; what the server sends back is read to 64
	maxValues    = 50_000    // of all documents, aliases counted as often as they are used
	maxTexts     = 2 << 20   // bytes of their keys and values, likewise
)

// Fields that say which object one is.
const (
	fieldAPIVersion = "apiVersion"
	fieldKind       = "kind"
	fieldName       = "name"
)

// document is one object of a manifest.
type document struct {
	where  string // "document 2" or "document 2, item 3"
	object map[string]any

	apiVersion, kind, namespace string
	name                        string // "" with generateName
	generateName                string
}

// parse reads every object of a manifest in YAML or JSON, or says what is wrong
// with it. Nothing of it is looked up. Its errors name lines, fields and names,
// never a value.
func parse(text string) ([]document, error) {
	if len(text) > maxManifest {
		return nil, answer.Mistake("resource is longer than %d KiB: send the documents in several calls.", maxManifest>>10)
	}
	values, err := read(text)
	if err != nil {
		return nil, err
	}
	var out []document
	for i, v := range values {
		if v == nil {
			continue // between two separators
		}
		if err := expand(&out, fmt.Sprintf("document %d", i+1), v, 0); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, answer.Mistake("resource holds no object: send YAML or JSON with apiVersion, kind and metadata.name.")
	}
	return out, nil
}

// read takes text that is JSON for JSON, and everything else for YAML, of which
// JSON with a mistake is none either: its own error says more.
func read(text string) ([]any, error) {
	b := newBudget()
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return readYAML(text, b)
	}
	values, fault := readJSON(text, b)
	if fault == nil {
		return values, nil
	}
	if values, err := readYAML(text, newBudget()); err == nil {
		return values, nil
	}
	return nil, fault.mistake()
}

// maxLists is how deep a List may stand within a List.
const maxLists = 4

// expand adds an object, or the objects of a List, which is any object whose
// kind ends in List and that has items.
func expand(out *[]document, where string, v any, lists int) error {
	object, ok := v.(map[string]any)
	if !ok {
		return answer.Mistake("%s is no object: it has to be a map with apiVersion, kind and metadata.", where)
	}
	kind, _ := object[fieldKind].(string)
	items, listed := object["items"].([]any)
	if !listed || !strings.HasSuffix(kind, "List") {
		d, err := identify(where, object)
		if err != nil {
			return err
		}
		if len(*out) >= maxDocuments {
			return answer.Mistake("resource holds more than %d objects: send them in several calls.", maxDocuments)
		}
		*out = append(*out, d)
		return nil
	}
	if lists++; lists > maxLists {
		return answer.Mistake("%s: Lists stand within Lists %d times.", where, lists)
	}
	for i, item := range items {
		inherit(object, kind, item)
		if err := expand(out, fmt.Sprintf("%s, item %d", where, i+1), item, lists); err != nil {
			return err
		}
	}
	return nil
}

// inherit gives the items of a typed list, such as a PodList, what the API
// server leaves out of them.
func inherit(list map[string]any, kind string, item any) {
	object, ok := item.(map[string]any)
	if !ok || kind == "List" {
		return
	}
	if object[fieldKind] == nil && object[fieldAPIVersion] == nil {
		object[fieldKind], object[fieldAPIVersion] = strings.TrimSuffix(kind, "List"), list[fieldAPIVersion]
	}
}

// identify reads which object a document means.
func identify(where string, object map[string]any) (document, error) {
	d := document{where: where, object: object}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok && object["metadata"] != nil {
		return d, answer.Mistake("%s: metadata has to be a map.", where)
	}
	for _, f := range []struct {
		in   map[string]any
		key  string
		to   *string
		path string
	}{
		{object, fieldAPIVersion, &d.apiVersion, fieldAPIVersion}, {object, fieldKind, &d.kind, fieldKind},
		{metadata, fieldName, &d.name, "metadata.name"}, {metadata, "generateName", &d.generateName, "metadata.generateName"},
		{metadata, "namespace", &d.namespace, "metadata.namespace"},
	} {
		s, ok := f.in[f.key].(string)
		if !ok && f.in[f.key] != nil {
			return d, answer.Mistake("%s: %s has to be text; put it in quotes.", where, f.path)
		}
		*f.to = s
	}
	dropCopy(metadata)
	return d, d.check()
}

// lastApplied is where kubectl's own apply keeps a copy of the whole object. No
// get of this server shows it, and it is not what a pasted object is about: left
// out, it stays as it is.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func dropCopy(metadata map[string]any) {
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations[lastApplied] != answer.Redacted {
		return
	}
	delete(annotations, lastApplied)
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
}

// check refuses what can be no object of any cluster.
func (d document) check() error {
	switch {
	case d.kind == "":
		return answer.Mistake("%s has no kind.", d.where)
	case !kube.ValidKind(d.kind):
		return answer.Mistake("%s: kind must be one word of letters and digits, such as Pod or Deployment.", d.where)
	case d.apiVersion != "" && !kube.ValidAPIVersion(d.apiVersion):
		return answer.Mistake("%s (%s): apiVersion must read version or group/version, such as v1 or apps/v1.", d.where, d.kind)
	case d.name == "" && d.generateName == "":
		return answer.Mistake("%s (%s) has no metadata.name.", d.where, d.kind)
	case d.name != "" && !kube.ValidName(d.name), d.name == "" && !kube.ValidName(d.generateName+"x"):
		return answer.Mistake("%s (%s): metadata.name is not the name of an object: use letters, digits and - . : _ @, at most 253.", d.where, d.kind)
	case d.namespace != "" && !kube.ValidNamespace(d.namespace):
		return answer.Mistake("%s (%s): metadata.namespace is not the name of a namespace: use lower-case letters, digits and dashes, at most 63.", d.where, d.kind)
	}
	if path := placeholder(d.object, ""); path != "" {
		return answer.Mistake("%s (%s): %s holds %s, which stands for a value that this server does not show. Applying it would replace the real value. "+
			"Send the real value, or leave the field out: it then stays as it is, unless this tool set it before.", d.where, d.kind, answer.Quoted(path), answer.Redacted)
	}
	return nil
}
