package tool

import (
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// scrubbed takes the caller's token out of JSON. It has no character that JSON
// would escape. Where the text then is no JSON, the token was a number or a word
// of the schema, and so no secret.
func scrubbed(c *kube.Client, whole []byte) []byte {
	text := c.Scrub(string(whole))
	if len(text) == len(whole) && text == string(whole) || !json.Valid([]byte(text)) {
		return whole
	}
	return []byte(text)
}

// scrubbedError takes it out of a failure. What has a code has a text of ours.
func scrubbedError(c *kube.Client, err error) error {
	if _, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return err
	}
	return errors.New(c.Scrub(err.Error()))
}
