package policy

import (
	"fmt"
	"net/url"
	"strings"
)

// originPattern is what an origin looks like, as far as a pattern can say.
const originPattern = `^https?://[a-z0-9.:\[\]-]+$`

// checkOrigin says what is wrong with an item of origins. It is compared with
// what a browser sends, byte by byte (RFC 6454 6.2): a spelling that no browser
// uses would never match.
func checkOrigin(s string) error {
	if s == "*" || s == "null" {
		return fmt.Errorf("%q would let any page call; write the origin of each page that may", s)
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Scheme+"://"+u.Host != s || s != strings.ToLower(s) {
		return fmt.Errorf("%q is no origin; write scheme, host and port alone, in lower case and without a slash at the end, such as https://app.example.com", s)
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return fmt.Errorf("%q names the port that belongs to its scheme, which a browser leaves out; write it without", s)
	}
	return nil
}
