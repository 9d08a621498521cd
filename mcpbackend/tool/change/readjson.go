package change

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

// budget counts the values of a manifest down, and the bytes of its texts.
type budget struct{ left, texts int }

func newBudget() *budget { return &budget{left: maxValues, texts: maxTexts} }

// text takes the bytes of one text.
func (b *budget) text(s string) *fault {
	if b.texts -= len(s); b.texts < 0 {
		return &fault{text: fmt.Sprintf("resource holds more than %d MiB of text, counting an alias as often as it is used.", maxTexts>>20)}
	}
	return nil
}

// spend takes one value at a depth.
func (b *budget) spend(depth int) *fault {
	if b.left--; b.left < 0 {
		return &fault{text: fmt.Sprintf("resource holds more than %d values, counting an alias as often as it is used.", maxValues)}
	}
	if depth > maxDepth {
		return &fault{text: fmt.Sprintf("resource is nested deeper than %d levels.", maxDepth)}
	}
	return nil
}

// fault is what is wrong with a manifest, in words for the caller.
type fault struct{ text string }

func (f *fault) mistake() error { return answer.Mistake("%s", f.text) }

// readJSON reads JSON values until the text ends.
func readJSON(text string, b *budget) ([]any, *fault) {
	d := &jsonReader{dec: json.NewDecoder(strings.NewReader(text)), budget: b}
	d.dec.UseNumber()
	var out []any
	for {
		token, err := d.dec.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, d.syntax(err)
		}
		v, f := d.value(token, 1)
		if f != nil {
			return nil, f
		}
		if len(out) > maxDocuments {
			return nil, &fault{text: fmt.Sprintf("resource holds more than %d documents.", maxDocuments)}
		}
		out = append(out, v)
	}
}

// jsonReader builds values out of tokens, so that it sees what encoding/json
// does not tell: a key that comes twice.
type jsonReader struct {
	dec    *json.Decoder
	budget *budget
}

func (d *jsonReader) value(token json.Token, depth int) (any, *fault) {
	if f := d.budget.spend(depth); f != nil {
		return nil, f
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if delimiter == '{' {
		return d.object(depth)
	}
	out := []any{}
	for d.dec.More() {
		token, err := d.dec.Token()
		if err != nil {
			return nil, d.syntax(err)
		}
		v, f := d.value(token, depth+1)
		if f != nil {
			return nil, f
		}
		out = append(out, v)
	}
	return out, d.end()
}

func (d *jsonReader) object(depth int) (any, *fault) {
	out := map[string]any{}
	for d.dec.More() {
		token, err := d.dec.Token()
		if err != nil {
			return nil, d.syntax(err)
		}
		key, _ := token.(string) // the decoder takes nothing else here
		if _, twice := out[key]; twice {
			return nil, &fault{text: fmt.Sprintf("resource holds the key %s twice in one object: only one of the two could count.", answer.Quoted(key))}
		}
		if token, err = d.dec.Token(); err != nil {
			return nil, d.syntax(err)
		}
		v, f := d.value(token, depth+1)
		if f != nil {
			return nil, f
		}
		out[key] = v
	}
	return out, d.end()
}

// end reads the bracket that More has seen.
func (d *jsonReader) end() *fault {
	if _, err := d.dec.Token(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// syntax says where, and nothing of what stands there.
func (d *jsonReader) syntax(error) *fault {
	return &fault{text: fmt.Sprintf("resource is not valid JSON after byte %d.", d.dec.InputOffset())}
}
