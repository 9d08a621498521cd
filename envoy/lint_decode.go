package envoy

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// decoder turns JSON into messages of Envoy's, and tells of what it does not
// know instead of giving up: a configuration of a newer Envoy, or of a vendor's,
// is to be judged as far as it can be.
type decoder struct {
	unknownType  func(at *place, name string)
	unknownField func(at *place)
	wrong        func(at *place, want string)
}

// anyName is the type whose inside is of another type; what is wellKnown has a
// form of its own in JSON.
const (
	anyName   = "google.protobuf.Any"
	wellKnown = "google.protobuf."
)

const urlPrefix = "type.googleapis.com/"

// into fills m from JSON and reports whether it could.
func (d *decoder) into(m proto.Message, v any, at *place) bool {
	clean := d.clean(v, m.ProtoReflect().Descriptor(), at)
	if unmarshal(clean, m) {
		return true
	}
	d.locate(clean, m.ProtoReflect().Descriptor(), at)
	return false
}

func unmarshal(v any, m proto.Message) bool {
	text, err := json.Marshal(v)
	return err == nil && protojson.Unmarshal(text, m) == nil
}

// clean copies JSON without the fields that the type does not have, and with a
// Struct in the place of every Any whose type this program does not know.
func (d *decoder) clean(v any, t protoreflect.MessageDescriptor, at *place) any {
	object, ok := v.(map[string]any)
	if !ok || t.FullName() != anyName && strings.HasPrefix(string(t.FullName()), wellKnown) {
		return v
	}
	if t.FullName() == anyName {
		return d.cleanAny(object, at)
	}
	out := make(map[string]any, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		field := fieldOf(t, key)
		if field == nil {
			d.unknownField(at.field(key))
			continue
		}
		if name, ok := value.(string); ok && field.Enum() != nil && field.Enum().Values().ByName(protoreflect.Name(name)) == nil {
			d.unknownField(at.field(string(field.Name())))
			continue
		}
		if value != nil {
			out[key] = d.cleanField(value, field, at.field(string(field.Name())))
		}
	}
	return out
}

func (d *decoder) cleanField(v any, field protoreflect.FieldDescriptor, at *place) any {
	switch v := v.(type) {
	case []any:
		if !field.IsList() {
			return v
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = d.cleanOne(item, field, at.item(i))
		}
		return out
	case map[string]any:
		if !field.IsMap() {
			return d.cleanOne(v, field, at)
		}
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out[key] = d.cleanOne(v[key], field.MapValue(), at.entry(key))
		}
		return out
	}
	return d.cleanOne(v, field, at)
}

func (d *decoder) cleanOne(v any, field protoreflect.FieldDescriptor, at *place) any {
	if field.Message() != nil {
		return d.clean(v, field.Message(), at)
	}
	return v
}

func (d *decoder) cleanAny(object map[string]any, at *place) any {
	url, _ := object[typeKey].(string)
	fields := untyped(object)
	if inner, ok := typedStruct(object); ok {
		written, _, _ := under(object, "type_url")
		url, _ = written.(string)
		fields = inner
	}
	name := url[strings.LastIndexByte(url, '/')+1:]
	if name == "" && len(object) == 0 {
		return object // protojson takes an empty Any for none
	}
	known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		d.unknownType(at, name)
		return map[string]any{typeKey: urlPrefix + "google.protobuf.Struct", "value": map[string]any{typeKey: name}}
	}
	if strings.HasPrefix(name, wellKnown) {
		return object // as {"@type", "value"}
	}
	clean, _ := d.clean(fields, known.Descriptor(), at).(map[string]any)
	clean[typeKey] = urlPrefix + name
	return clean
}

// untyped are the fields of an object without the name of its type.
func untyped(object map[string]any) map[string]any {
	fields := maps.Clone(object)
	delete(fields, typeKey)
	return fields
}

// fieldOf is the field of a message that JSON calls so, in either spelling; nil
// if there is none.
func fieldOf(t protoreflect.MessageDescriptor, key string) protoreflect.FieldDescriptor {
	if field := t.Fields().ByJSONName(key); field != nil {
		return field
	}
	return t.Fields().ByName(protoreflect.Name(key))
}

// locate finds the values that the type does not take, as deep down as it can.
func (d *decoder) locate(v any, t protoreflect.MessageDescriptor, at *place) {
	object, ok := v.(map[string]any)
	if ok && t.FullName() == anyName {
		url, _ := object[typeKey].(string)
		if known, err := protoregistry.GlobalTypes.FindMessageByURL(url); err == nil {
			d.locate(untyped(object), known.Descriptor(), at)
			return
		}
	}
	if !ok || strings.HasPrefix(string(t.FullName()), wellKnown) {
		d.wrong(at, string(t.Name()))
		return
	}
	found := false
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field := fieldOf(t, key)
		known, err := protoregistry.GlobalTypes.FindMessageByName(t.FullName())
		if field == nil || err != nil || unmarshal(map[string]any{key: object[key]}, known.New().Interface()) {
			continue
		}
		found = true
		d.locateField(object[key], field, at.field(string(field.Name())))
	}
	if !found { // each field by itself is right: two of them exclude each other, or name one
		d.wrong(at, string(t.Name()))
	}
}

func (d *decoder) locateField(v any, field protoreflect.FieldDescriptor, at *place) {
	one := field
	if field.IsMap() {
		one = field.MapValue()
	}
	if one.Message() == nil {
		d.wrong(at, one.Kind().String())
		return
	}
	check := func(v any, at *place) {
		known, err := protoregistry.GlobalTypes.FindMessageByName(one.Message().FullName())
		if err != nil || !unmarshal(v, known.New().Interface()) {
			d.locate(v, one.Message(), at)
		}
	}
	items, isList := v.([]any)
	entries, isMap := v.(map[string]any)
	switch {
	case field.IsList() && isList:
		for i, item := range items {
			check(item, at.item(i))
		}
	case field.IsMap() && isMap:
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			check(entries[key], at.entry(key))
		}
	case field.IsList() || field.IsMap():
		d.wrong(at, "a list or a map")
	default:
		check(v, at)
	}
}

// open unpacks an Any. The message is nil if the type is not known here; the
// name is its type's in any case.
func open(packed *anypb.Any) (proto.Message, string) {
	if packed == nil {
		return nil, ""
	}
	m, err := packed.UnmarshalNew()
	if err != nil {
		return nil, string(packed.MessageName())
	}
	if s, ok := m.(*structpb.Struct); ok {
		return nil, s.GetFields()[typeKey].GetStringValue()
	}
	return m, string(packed.MessageName())
}
