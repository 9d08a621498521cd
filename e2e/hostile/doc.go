// Package hostile holds no code: its tests send what nobody sends by mistake
// (floods, slow bodies, frames out of order, requests inside requests) at the
// real Envoy, guard and backend, with honest callers beside it. They are bounded
// in time and count, aim at this machine alone, and are run by make e2e.
package hostile
