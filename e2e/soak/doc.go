// Package soak looks for tenants who get mixed up: many of them, on many
// clusters at once, through a pool of clients that is far too small, with
// credentials that change all the time, and both programs built with the race
// detector. Each answer has to name the credential and the cluster of its call.
package soak
