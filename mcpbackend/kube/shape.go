package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
)

// The limits of what is decoded. 8 MiB of braces would be gigabytes of maps:
// whatever an answer may hold without a bound is counted before it is built.
const (
	maxDepth   = 64      // levels; the deepest CustomResourceDefinitions in use stay below 50
	maxNodes   = 100_000 // values of an object, at most
	maxColumns = 64      // of a table, and elements of any list within a list
	maxRows    = 1000    // of a table where the caller sets no limit
)

// decode reads one JSON value into v, numbers as they were written.
func decode(body []byte, v any) error {
	if err := shallow(body, maxNodes); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return garbled()
	}
	return nil
}

// decodeList reads one JSON value into a struct whose lists are all capped, so
// that the number of its values does not matter.
func decodeList(body []byte, v any) error {
	if err := shallow(body, len(body)+1); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return garbled()
	}
	return nil
}

func garbled() *Error {
	return &Error{Trouble: Garbled, Status: http.StatusOK, Detail: "the answer is not the JSON that the API promises"}
}

// shallow refuses JSON that is nested deeper than maxDepth or holds more than
// about nodes values. It allocates nothing. What is no JSON passes: the decoder
// says so.
func shallow(body []byte, nodes int) error { return bounded(body, nodes, maxDepth) }

func bounded(body []byte, nodes, levels int) error {
	left, depth := nodes, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = endOfString(body, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			continue
		case ',':
		default:
			continue
		}
		if left--; left < 0 {
			return &Error{Trouble: TooLarge, Status: http.StatusOK, Detail: fmt.Sprintf("the answer holds more than %d values", nodes)}
		}
		if depth > levels {
			return &Error{Trouble: TooLarge, Status: http.StatusOK, Detail: fmt.Sprintf("the answer is nested deeper than %d levels", levels)}
		}
	}
	return nil
}

// endOfString is the index of the quote that ends the string which begins at i.
func endOfString(body []byte, i int) int {
	for i++; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}

// elements yields the elements of a valid JSON array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		depth, begin := 0, 0
		for i := 0; i < len(array); i++ {
			switch array[i] {
			case '"':
				i = endOfString(array, i)
			case '{', '[':
				if depth++; depth == 1 {
					begin = i + 1
				}
			case ',', '}', ']':
				if depth == 1 {
					element := bytes.TrimSpace(array[begin:i])
					if len(element) > 0 && !yield(element) {
						return
					}
					begin = i + 1
				}
				if array[i] != ',' {
					depth--
				}
			}
		}
	}
}

// capped is a JSON array of which only the first elements are built; the others
// are counted. The zero value keeps maxColumns.
type capped[T any] struct {
	limit int
	items []T
	more  int
}

// UnmarshalJSON is encoding/json's hook; it has checked that b is valid.
func (c *capped[T]) UnmarshalJSON(b []byte) error {
	c.items, c.more = nil, 0
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if len(b) == 0 || b[0] != '[' {
		return garbled()
	}
	limit := c.limit
	if limit <= 0 {
		limit = maxColumns
	}
	for element := range elements(b) {
		if len(c.items) == limit {
			c.more++
			continue
		}
		var v T
		if err := json.Unmarshal(element, &v); err != nil {
			return garbled()
		}
		c.items = append(c.items, v)
	}
	return nil
}
