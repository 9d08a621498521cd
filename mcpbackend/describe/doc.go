// Package describe writes what kubectl describe does about one object, through the
// transport of its caller.
package describe
