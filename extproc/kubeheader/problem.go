package kubeheader

// MaxProblems bounds how many problems one rejection reports.
const MaxProblems = 16

// Problem is one thing that is wrong with a request. Its text is made from the
// reason and the contract's own header name only, never from what was sent.
type Problem struct {
	Reason  Reason
	Header  string // a contract name, or "kubernetes-*" for one that is not in it; "" for none
	Message string // one sentence: header, what is wrong, what to do
}

// Rejection is the error that Parse returns: every problem found, in contract
// order, at most MaxProblems. It always holds at least one.
type Rejection struct {
	Problems []Problem
}

// Error is the first problem's message.
func (r *Rejection) Error() string { return r.Problems[0].Message }
