// Package ssrf tries to make the backend connect where it must not: with names
// whose addresses change between two look-ups, come mixed, or come through a
// chain of other names, with redirects, with proxies in the environment, and on
// every way out that a tool has. What counts is a listener on loopback that
// nobody may reach: it has to stay without a single connection.
package ssrf
