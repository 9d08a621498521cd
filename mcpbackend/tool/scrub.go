package tool

import (
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// scrubbed takes the caller's token out of an answer's structured part. A hostile
// server may put it wherever a name can stand: of an owner, of a kind.
func scrubbed[Out any](c *kube.Client, out Out) Out {
	whole, err := json.Marshal(out)
	if err != nil {
		return out // go-sdk says so
	}
	text := c.Scrub(string(whole))
	if text == string(whole) {
		return out
	}
	var clean Out
	if json.Unmarshal([]byte(text), &clean) != nil {
		return out // a token that is a number or a word of the schema is no secret
	}
	return clean
}

// scrubbedError is the same for a failure. What has a code has a text of ours.
func scrubbedError(c *kube.Client, err error) error {
	if _, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return err
	}
	return errors.New(c.Scrub(err.Error()))
}
