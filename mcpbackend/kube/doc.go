// Package kube is the one room that talks to Kubernetes. [Clients.For] is its
// only door: it takes a caller that the edge checked and the backend verified,
// and returns a client that acts as exactly that caller on exactly that server.
//
// Everything a server answers is treated as hostile: no redirect is followed,
// no environment proxy is used, the address is judged at the moment of dialling,
// headers and bodies are capped, and every call needs a deadline. Nothing here
// reads a kubeconfig, a service account or the environment.
package kube
