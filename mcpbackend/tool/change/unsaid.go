package change

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// withheld stands for a server's message that may quote a Secret.
const withheld = "(not shown: it may quote a value of the Secret)"

// hushed is an error whose Detail quotes no value of the Secrets among objects.
// An API server and its webhooks quote what they refuse: whole, in part, escaped,
// in base64 or decoded.
func hushed(err error, objects ...map[string]any) error {
	e, ok := errors.AsType[*kube.Error](err)
	if !ok || e.Detail == "" {
		return err
	}
	values := secretValues(objects)
	if len(values) == 0 {
		return err
	}
	if e.Trouble != kube.Invalid && !quotes(e.Detail, values) {
		return err
	}
	// What was refused as invalid is quoted in ways nobody can list: a number may
	// be written in another form, a map as Go prints it.
	return &kube.Error{Trouble: e.Trouble, Status: e.Status, Detail: withheld}
}

// secretValues are all values of the Secrets in objects, wherever they stand,
// as one writes them without what quoting changes.
func secretValues(objects []map[string]any) []string {
	var out []string
	for _, o := range objects {
		find(o, &out)
	}
	return out
}

// find goes through maps and lists. A Secret is any map that says it is one.
func find(v any, out *[]string) {
	switch v := v.(type) {
	case map[string]any:
		if v[fieldKind] == "Secret" || v[fieldKind] == "SecretList" {
			collect(v, out)
			return
		}
		for _, below := range v {
			find(below, out)
		}
	case []any:
		for _, element := range v {
			find(element, out)
		}
	}
}

// collect takes every value of a Secret but those that say which one it is.
func collect(secret map[string]any, out *[]string) {
	named := map[string]bool{fieldAPIVersion: true, fieldKind: true, "metadata.name": true, "metadata.namespace": true, "metadata.generateName": true, "type": true}
	walk(secret, "", func(path string, leaf any) bool {
		if leaf == nil || named[path] {
			return true
		}
		text := fmt.Sprint(leaf)
		*out = append(*out, bare(text))
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err == nil && (strings.HasPrefix(path, "data") || utf8.Valid(decoded)) { // any word of four letters is base64 of something
			*out = append(*out, bare(string(decoded)))
		}
		return true
	})
}

// bare is text without what an escape or a quote would change.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// telling is how many letters and digits in a row are part of a secret, and no
// coincidence.
const telling = 8

// quotes reports whether a message holds a value, or a telling part of one.
func quotes(message string, values []string) bool {
	message = bare(message)
	for _, v := range values {
		if v == "" {
			continue
		}
		if len(v) <= telling {
			if strings.Contains(message, v) {
				return true
			}
			continue
		}
		for i := 0; i+telling <= len(message); i++ {
			if strings.Contains(v, message[i:i+telling]) {
				return true
			}
		}
	}
	return false
}
