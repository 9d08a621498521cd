package jsonrpc

import "time"

// firstModern is the MCP revision from which on clients read a JSON-RPC error
// out of an HTTP 400; dates of this form order as strings.
const firstModern = "2026-07-28"

// modern reports whether the client speaks a revision from firstModern on:
// exactly one MCP-Protocol-Version, and that a date. All else, a second value
// and nonsense included, is answered in the form that every client can read.
func modern(versions []string) bool {
	if len(versions) != 1 {
		return false
	}
	if _, err := time.Parse(time.DateOnly, versions[0]); err != nil {
		return false
	}
	return versions[0] >= firstModern
}
