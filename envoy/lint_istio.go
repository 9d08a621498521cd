package envoy

// envoyFilters finds the EnvoyFilter objects in a manifest.
func envoyFilters([]byte) ([]*document, bool) { return nil, false }

func checkManifests([]*document) []Finding { return nil }
