package observe

// fileLabel names one of the operator's files.
const fileLabel = "file"

func cache() []definition {
	return []definition{
		{"cache_hits_total", counter, nil, "Decisions answered from the verdict cache.",
			func(s *Status, give give) { give(float64(s.Cache.Hits)) }},
		{"cache_misses_total", counter, nil, "Decisions that had to be made.",
			func(s *Status, give give) { give(float64(s.Cache.Misses)) }},
		{"cache_evictions_total", counter, []string{"cause"}, "Verdicts dropped from the cache, by cause.",
			func(s *Status, give give) {
				for _, e := range s.Cache.Evictions {
					give(float64(e.Count), e.Cause)
				}
			}},
		{"cache_entries", gauge, nil, "Verdicts in the cache, at most limits.guard.cacheEntries.",
			func(s *Status, give give) { give(float64(s.Cache.Entries)) }},
		{"cache_bytes", gauge, nil, "What the cached verdicts weigh in bytes, at most limits.guard.cacheBytes.",
			func(s *Status, give give) { give(float64(s.Cache.Bytes)) }},
	}
}

// configuration is what the operator's files say.
func configuration() []definition {
	return []definition{
		{"ready", gauge, nil, "1 if the guard takes requests, 0 while it starts or drains.",
			func(s *Status, give give) { give(number(s.Ready)) }},
		{"reloads_total", counter, []string{fileLabel, "result"},
			"Reads of a file after a change, by file (policy, signing-key, tls) and result (success, failure). A failure is counted at each try until the file is mended.",
			func(s *Status, give give) {
				for _, f := range s.files() {
					give(float64(f.Reloads), f.name, "success")
					give(float64(f.Failures), f.name, "failure")
				}
			}},
		{"last_reload_successful", gauge, []string{fileLabel},
			"1 if the file's last read was of use, 0 while the last good content stays in force.",
			func(s *Status, give give) {
				for _, f := range s.files() {
					give(number(!f.Failing), f.name)
				}
			}},
		{"loaded_timestamp_seconds", gauge, []string{fileLabel},
			"When the content in force was read, as Unix time.",
			func(s *Status, give give) {
				for _, f := range s.files() {
					give(seconds(f.Loaded), f.name)
				}
			}},
		{"policy_info", gauge, []string{"digest"},
			"Always 1; the label is the SHA-256 of the policy in force, so that replicas can be compared.",
			func(s *Status, give give) {
				if s.Policy != nil {
					give(1, s.Policy.Digest)
				}
			}},
		{"signing_key_activation_timestamp_seconds", gauge, []string{"key_id"},
			"When each key of the signing key file begins to sign, as Unix time; 0: from the beginning.",
			func(s *Status, give give) {
				for _, k := range s.keys() {
					give(seconds(k.ActivateAt), k.ID)
				}
			}},
		{"signing_key_active", gauge, []string{"key_id"},
			"1 for the key that signs now.",
			func(s *Status, give give) {
				for _, k := range s.keys() {
					give(number(k.Active), k.ID)
				}
			}},
		{"tls_not_after_timestamp_seconds", gauge, nil,
			"When the first of the certificates in use ends, as Unix time; absent without mutual TLS.",
			func(s *Status, give give) {
				if s.TLS != nil {
					give(seconds(s.TLS.NotAfter))
				}
			}},
		{"tls_refused_total", counter, nil,
			"Clients refused although their certificate was good, because their name is not on the list; absent without mutual TLS.",
			func(s *Status, give give) {
				if s.TLS != nil {
					give(float64(s.TLS.Refused))
				}
			}},
	}
}

// program is what is so from the start, and what goes on beside requests.
func program() []definition {
	return []definition{
		{"log_lines_dropped_total", counter, nil,
			"Lines that did not get into the log, because standard error took them too slowly or not at all.",
			func(s *Status, give give) { give(float64(s.LogDropped)) }},
		{"spans_lost_total", counter, nil,
			"Spans that the collector did not take, without those for which there was no room to wait; absent without --otlp-endpoint.",
			func(s *Status, give give) {
				if s.SpansLost != nil {
					give(float64(*s.SpansLost))
				}
			}},
		{"insecure_listen", gauge, nil,
			"1 if --insecure-listen opened the port to other machines without mutual TLS.",
			func(s *Status, give give) { give(number(s.InsecureListen)) }},
		{"build_info", gauge, []string{"version", "revision", "go_version"},
			"Always 1; the labels say what the program was built from.",
			func(s *Status, give give) { give(1, s.Build.Version, s.Build.Revision, s.Build.Go) }},
	}
}
