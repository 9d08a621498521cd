package observe

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

// TestNoSecretCanGetHere: by its type, nothing that is counted, remembered or
// shown can hold a header value, nor bytes or an any in which one could hide.
func TestNoSecretCanGetHere(t *testing.T) {
	require.Error(t, holdsSecret(reflect.TypeFor[kubeheader.Field](), map[reflect.Type]bool{}), "the search finds one")
	for _, shown := range []reflect.Type{reflect.TypeFor[stream.Event](), reflect.TypeFor[Status](), reflect.TypeFor[entry]()} {
		require.NoError(t, holdsSecret(shown, map[reflect.Type]bool{}))
	}
}

type secretError struct{ at string }

func (e secretError) Error() string { return e.at + " can hold a value" }

func holdsSecret(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || t.PkgPath() == "time" {
		return nil
	}
	seen[t] = true
	if t == reflect.TypeFor[kubeheader.Secret]() {
		return secretError{t.String()}
	}
	switch t.Kind() { //nolint:exhaustive // the others hold nothing
	case reflect.Interface, reflect.Uint8:
		if t.Name() == "Reason" {
			return nil
		}
		return secretError{t.String()}
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 && t.Len() <= 16 {
			return nil // the ids of a trace, which are numbers
		}
		return holdsSecret(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		return holdsSecret(t.Elem(), seen)
	case reflect.Map:
		return secretError{t.String()}
	case reflect.Struct:
		for field := range t.Fields() {
			if err := holdsSecret(field.Type, seen); err != nil {
				return secretError{t.String() + "." + field.Name}
			}
		}
	}
	return nil
}
