// Package e2e proves the product through real parts: the embedded Kubernetes,
// the real Envoy, and both programs as users run them. What is faked is named
// so and is something that cannot be real, such as a guard that fails.
package e2e
