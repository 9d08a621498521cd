// Package hostileapi puts API servers in front of the backend that do what none
// should: they steer, stall, flood and lie. Each behaviour meets the deployed
// stack while honest callers use another cluster beside. What has to hold: every
// call ends in time with an answer that can be read, no token comes back, the
// honest notice nothing, memory stays small, and nothing is left running.
package hostileapi
