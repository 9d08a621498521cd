// Package harden takes from the process what it could give away: both programs
// hold credentials in memory, so neither may leave that memory in a core file
// or show it to another process of the same user.
package harden
