// Package faults breaks the edge while callers call: every part of it fails in
// every way that its design has to survive, in front of the real Envoy. Each
// fault is a row of docs/faults.md with what was counted: how many requests, how
// many were acted on unchecked (none), what the others were told, and how soon
// all was well again.
//
// The package holds tests only; make e2e runs them, make test does not.
package faults
