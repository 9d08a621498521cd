// Package answer makes what a cluster says fit for a model: clean of characters
// that steer terminals and readers, free of Secrets and tokens, within a budget,
// and honest about what is missing. It also holds the sentence for each way in
// which a call can fail. Whatever comes from a cluster is data from strangers.
package answer
