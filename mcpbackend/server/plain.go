package server

import (
	"mime"
	"net/http"
)

// plain is a ResponseWriter that holds back an error answer which is not JSON,
// so that another can take its place. All else passes as it comes, event
// streams piece by piece.
type plain struct {
	http.ResponseWriter

	status int    // of the answer that is held back; 0 means none
	text   []byte // how its body begins
}

// maxHeld is how much of the text is kept: enough to know it by.
const maxHeld = 128

func (p *plain) held() bool { return p.status != 0 }

// WriteHeader passes the status on, or holds the answer back.
func (p *plain) WriteHeader(status int) {
	if p.held() {
		return
	}
	mediaType, _, err := mime.ParseMediaType(p.Header().Get("Content-Type"))
	if status >= http.StatusBadRequest && (err != nil || mediaType != "application/json") {
		p.status = status
		return
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write passes the bytes on, unless the answer is held back.
func (p *plain) Write(b []byte) (int, error) {
	if !p.held() {
		return p.ResponseWriter.Write(b)
	}
	p.text = append(p.text, b[:min(len(b), maxHeld-len(p.text))]...)
	return len(b), nil
}

// FlushError sends on what was written, unless the answer is held back.
func (p *plain) FlushError() error {
	if p.held() {
		return nil
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (p *plain) Unwrap() http.ResponseWriter { return p.ResponseWriter }
