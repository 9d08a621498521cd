package envoy

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// validate runs the rules of Envoy's own protobuf files on all that was read.
func (w *whole) validate() []Finding {
	var found []Finding
	add := func(at *place, detail string) {
		found = append(found, finding(w.document, ruleOf(ruleValidate), at, detail))
	}
	if w.bootstrap.message != nil {
		validate(w.bootstrap.message, w.bootstrap.at, add)
	}
	for _, l := range w.listeners {
		validate(l.message, l.at, add)
	}
	for _, c := range w.clusters {
		validate(c.message, c.at, add)
	}
	for _, r := range w.routes {
		validate(r.message, r.at, add)
	}
	for _, f := range w.filters {
		validate(f.message, f.at, add)
	}
	return sorted(found)
}

// validate checks m and everything inside it, an Any's inside included, which
// ValidateAll does not look into. It reports the deepest message that is wrong.
func validate(m proto.Message, at *place, add hit) bool {
	if packed, ok := m.(*anypb.Any); ok {
		inner, _ := open(packed)
		return inner == nil || validate(inner, at, add)
	}
	fine := true
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		below := at.field(string(field.Name()))
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
					fine = validate(v.Message().Interface(), below.entry(key.String()), add) && fine
					return true
				})
			}
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				fine = validate(value.List().Get(i).Message().Interface(), below.item(i), add) && fine
			}
		default:
			fine = validate(value.Message().Interface(), below, add) && fine
		}
		return true
	})
	if v, ok := m.(interface{ Validate() error }); ok && fine {
		if err := v.Validate(); err != nil {
			fine = false
			at, detail := blame(err, at)
			add(at, detail)
		}
	}
	return fine
}

// blame finds the field that an error of the generated rules is about. Its
// reason names the rule, never the value.
func blame(err error, at *place) (*place, string) {
	e, ok := err.(interface {
		Field() string
		Reason() string
	})
	if !ok {
		return at, ""
	}
	return at.field(snakeInitials(e.Field())), e.Reason()
}

// snakeInitials spells a Go field as the protobuf files do.
func snakeInitials(name string) string { return strings.TrimPrefix(snake(name), "_") }
