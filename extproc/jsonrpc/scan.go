package jsonrpc

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxID bounds an id, quotes and escapes included, in bytes: what is echoed
// must not become a way to make large answers.
const maxID = 256

// found is what a body yields: the raw ids of the requests in it, in order. A
// body without any is answered without id.
type found struct {
	ids   [][]byte
	batch bool
}

// scan reads a body once, from front to back. A syntax error anywhere makes the
// whole of it unreadable: such a body has no meaning to agree on with the
// client. Only where the body was cut short do the members before the cut count.
func scan(body []byte, truncated bool) found {
	// A bytes.Buffer is parsed in place, without a copy. Duplicate names and
	// broken UTF-8 somewhere in the arguments are none of our business; for the
	// id itself the rules are stricter, see member and readableID. Depth is
	// bounded by the decoder (10000, as in encoding/json).
	dec := jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() == jsontext.KindBeginArray {
		return scanBatch(dec, len(body), truncated)
	}
	none := found{ids: nil, batch: false}
	if dec.PeekKind() != jsontext.KindBeginObject {
		return none
	}
	o, err := readObject(dec, len(body))
	cut := truncated && errors.Is(err, io.ErrUnexpectedEOF)
	if err == nil && !truncated {
		err = end(dec)
	}
	if id := o.request(cut); id != nil && (err == nil || cut) {
		return found{ids: [][]byte{id}, batch: false}
	}
	return none
}

// IDs returns the raw ids of the requests in a whole body. It reports false when
// a message has an id that no answer can repeat: two of them, one that is
// neither string nor integer, or one over 256 bytes. Whoever acts on such a
// message answers somebody else, or nobody.
func IDs(body []byte) (ids [][]byte, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	ok = true
	each := func(o *object) {
		if id := o.request(false); id != nil {
			ids = append(ids, id)
		} else if o.ids > 0 && !o.outcome {
			ok = false
		}
	}
	var err error
	if dec.PeekKind() == jsontext.KindBeginArray {
		err = readBatch(dec, len(body), each)
	} else {
		var o object
		if o, err = readObject(dec, len(body)); err == nil {
			each(&o)
		}
	}
	return ids, ok && err == nil
}

// scanBatch reads an array. One that was cut may hold requests after the cut
// that would never be answered, so it gets the answer for all of it: no id.
func scanBatch(dec *jsontext.Decoder, size int, truncated bool) found {
	var ids [][]byte
	err := readBatch(dec, size, func(o *object) {
		if id := o.request(false); id != nil {
			ids = append(ids, id)
		}
	})
	if err == nil && !truncated {
		err = end(dec)
	}
	if err != nil {
		ids = nil
	}
	return found{ids: ids, batch: true}
}

// end reports whether nothing but white space follows.
func end(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("trailing data")
	}
	return nil
}

var errTooLarge = errors.New("too many entries")

// readBatch reads an array and hands on each object in it.
func readBatch(dec *jsontext.Decoder, size int, each func(*object)) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for n := 0; dec.PeekKind() != jsontext.KindEndArray; n++ {
		switch {
		case n == MaxBatch:
			return errTooLarge
		case dec.PeekKind() != jsontext.KindBeginObject:
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		o, err := readObject(dec, size)
		if err != nil {
			return err
		}
		each(&o)
	}
	_, err := dec.ReadToken()
	return err
}

// object is what matters of a JSON-RPC message. Names are counted since a
// duplicate decides the message: parsers differ on which one of them counts, so
// an answer to either may be an answer to nobody.
type object struct {
	id      []byte // raw; nil when none, or none that can be echoed
	ids     int
	methods int
	method  bool // "method" holds a string
	outcome bool // "result" or "error" is there
}

// request returns the id to answer, or nil. With cut set the object's end is
// missing: its method may have stood there, unless it looks like a response.
func (o *object) request(cut bool) []byte {
	if o.ids != 1 || o.methods > 1 {
		return nil
	}
	if o.method || (cut && o.methods == 0 && !o.outcome) {
		return o.id
	}
	return nil
}

// readObject reads one object. After an error the members before it are filled in.
func readObject(dec *jsontext.Decoder, size int) (object, error) {
	var o object
	if _, err := dec.ReadToken(); err != nil {
		return o, err
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		raw, err := dec.ReadValue()
		if err != nil {
			return o, err
		}
		if err := o.member(dec, readName(raw), size); err != nil {
			return o, err
		}
	}
	_, err := dec.ReadToken()
	return o, err
}

// name is a member name that matters.
type name uint8

const (
	nameOther name = iota
	nameID
	nameMethod
	nameOutcome // "result" or "error"
)

// readName recognises a member name. Escapes are decoded:
// "\u0069d" is id to every parser, "ID" is not. One that is too long to be of
// interest, however it is spelt, is not decoded at all.
func readName(raw jsontext.Value) name {
	const longest = len(`"\u006d\u0065\u0074\u0068\u006f\u0064"`)
	if len(raw) > longest {
		return nameOther
	}
	text := []byte(raw[1 : len(raw)-1])
	if bytes.IndexByte(text, '\\') >= 0 {
		text, _ = jsontext.AppendUnquote(nil, raw) // on error: with U+FFFD, no name of ours
	}
	switch string(text) {
	case "id":
		return nameID
	case "method":
		return nameMethod
	case "result", "error":
		return nameOutcome
	default:
		return nameOther
	}
}

// member reads the value of a member.
func (o *object) member(dec *jsontext.Decoder, n name, size int) error {
	switch n {
	case nameOther:
	case nameID:
		return o.readID(dec, size)
	case nameMethod:
		kind := dec.PeekKind()
		if kind == jsontext.KindInvalid {
			break // cut before the value: as if the name had been cut off too
		}
		o.methods++
		o.method = kind == jsontext.KindString
	case nameOutcome:
		o.outcome = true
	}
	return dec.SkipValue()
}

func (o *object) readID(dec *jsontext.Decoder, size int) error {
	o.ids++
	o.id = nil
	if kind := dec.PeekKind(); kind != jsontext.KindString && kind != jsontext.KindNumber {
		return dec.SkipValue()
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	// A number that touches the end of a cut body may go on after the cut.
	if readableID(raw) && dec.InputOffset() < int64(size) {
		o.id = bytes.Clone(raw)
	}
	return nil
}

// readableID reports whether a JSON string or number may be echoed: MCP knows
// strings and integers, and 1.0 and 1e3 come back as another number from
// parsers that read them as one. A string must be valid by the strict rules
// (UTF-8, no lone surrogates), or the answer would not be valid JSON.
func readableID(raw jsontext.Value) bool {
	if len(raw) > maxID {
		return false
	}
	if raw.Kind() == jsontext.KindNumber {
		return !bytes.ContainsAny(raw, ".eE")
	}
	return raw.IsValid()
}
