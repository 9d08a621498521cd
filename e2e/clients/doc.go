// Package clients holds no code: its tests let the programs that others wrote
// talk to the real Envoy, guard and backend. These are the MCP conformance suite,
// both lines of the Python and of the TypeScript SDK with the examples for them,
// and the Inspector. They are run by make e2e, since they need Node.
package clients
