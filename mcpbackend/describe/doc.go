// Package describe writes what kubectl describe writes about one object: kubectl's
// own describers, events included, behind the transport of the caller.
//
// Describers were made for one person at a terminal. They bring no context, they
// leave out silently what they may not read, they print tokens, and they line up
// columns as wide as the widest cell. So every answer they get has passed this
// package first: it comes within the caller's deadline, holds no credential, and
// is small enough to be laid out; and what was not to be had is written down.
package describe
