package kube

// Measure refuses JSON that holds more than about so many values or is nested
// deeper than so many levels, with an *Error. It allocates nothing: it is for
// bodies that came through a RoundTripper and are to be built into something.
// What is no JSON passes; its decoder says so.
func Measure(body []byte, values, levels int) error { return bounded(body, values, levels) }
