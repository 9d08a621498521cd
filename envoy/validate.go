package envoy

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	// The extension types that the bootstrap uses and that no rule names:
	// without them protojson could not read what stands inside an Any.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// validate runs the rules of Envoy's own protobuf files on m and on everything
// inside it. ValidateAll does not look into an Any, so each is opened here.
func validate(m proto.Message) error {
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			return fmt.Errorf("%s: %w", proto.MessageName(m), err)
		}
	}
	if packed, ok := m.(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			return fmt.Errorf("open %s: %w", packed.GetTypeUrl(), err)
		}
		return validate(inner)
	}
	var failed error
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					failed = validate(v.Message().Interface())
					return failed == nil
				})
			}
		case field.Message() == nil:
		case field.IsList():
			for i := 0; i < value.List().Len() && failed == nil; i++ {
				failed = validate(value.List().Get(i).Message().Interface())
			}
		default:
			failed = validate(value.Message().Interface())
		}
		return failed == nil
	})
	return failed
}
