package tool

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Prompt is one prompt, made by NewPrompt.
type Prompt struct {
	name, toolset string
	add           func(*mcp.Server, Clients)
}

// Ask is what a prompt does: it reads what it needs and writes the text that
// the user's message to the model consists of.
type Ask func(ctx context.Context, c *kube.Client, arguments map[string]string) (text string, err error)

// NewPrompt declares a prompt of a toolset. Its client may only read.
func NewPrompt(p mcp.Prompt, toolset string, ask Ask) Prompt {
	return Prompt{name: p.Name, toolset: toolset, add: func(s *mcp.Server, clients Clients) {
		s.AddPrompt(&p, func(ctx context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			c, err := open(ctx, clients, Reads)
			if err != nil {
				return nil, failedPrompt(ctx, err)
			}
			text, err := ask(ctx, c, req.Params.Arguments)
			if err != nil {
				return nil, failedPrompt(ctx, err)
			}
			return &mcp.GetPromptResult{Description: p.Description, Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: text}},
			}}, nil
		})
	}}
}
