package stream

import (
	"runtime"
	"strconv"
)

// maxFrames bounds a logged stack.
const maxFrames = 48

// frames says where a panic came from, innermost first, one function and line
// each. debug.Stack would print the arguments as well, and a key or a digest that
// is passed by value is an argument.
func frames() []string {
	var counters [maxFrames]uintptr
	n := runtime.Callers(3, counters[:]) // the caller of frames' caller
	out := make([]string, 0, n)
	for walk := runtime.CallersFrames(counters[:n]); ; {
		frame, more := walk.Next()
		out = append(out, frame.Function+" "+frame.File+":"+strconv.Itoa(frame.Line))
		if !more {
			return out
		}
	}
}
