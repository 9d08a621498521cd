// Package compose holds the tests of compose.yaml: what it promises is looked at
// here, in the form that Docker Compose itself reads.
package compose
