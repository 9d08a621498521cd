package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"kubernetes-mcp-edge/e2e/harness"
)

// wireCase is one file of testdata/wire: README.md there is the manual.
type wireCase struct {
	name  string
	runs  []string // what {{headers}} stands for: "good", "bad", or once ""
	steps []wireStep
}

// wireStep is one thing sent on the case's connection, and what has to come.
type wireStep struct {
	http2 bool
	send  string
	wants map[string]wireWant // by run
}

// readWireCases reads every file of a folder. None at all is an error: a glob that
// matches nothing would test nothing.
func readWireCases(folder string) ([]wireCase, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no case", folder)
	}
	cases := make([]wireCase, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, err := readWireCase(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c.name = strings.TrimSuffix(filepath.Base(file), ".txtar")
		cases = append(cases, c)
	}
	return cases, nil
}

// readWireCase reads one file.
func readWireCase(text []byte) (wireCase, error) {
	archive := txtar.Parse(text)
	if len(strings.Fields(string(archive.Comment))) == 0 {
		return wireCase{}, errors.New("no word on the bug that it guards against")
	}
	var c wireCase
	for _, section := range archive.Files {
		if err := c.add(section.Name, string(section.Data)); err != nil {
			return c, fmt.Errorf("section %q: %w", section.Name, err)
		}
	}
	if len(c.steps) == 0 || len(c.runs) == 0 {
		return c, errors.New("it sends nothing, or wants nothing")
	}
	return c, c.complete()
}

func (c *wireCase) add(section, text string) error {
	switch section {
	case "send", "frames":
		c.steps = append(c.steps, wireStep{section == "frames", text, map[string]wireWant{}})
		return nil
	case "want", "want good", "want bad":
	default:
		return errors.New("there is no such section")
	}
	if len(c.steps) == 0 {
		return errors.New("nothing was sent yet")
	}
	run := strings.TrimPrefix(strings.TrimPrefix(section, "want"), " ")
	if !slices.Contains(c.runs, run) {
		c.runs = append(c.runs, run)
	}
	wants := c.steps[len(c.steps)-1].wants
	if _, twice := wants[run]; twice {
		return errors.New("it is there twice")
	}
	want, err := readWireWant(text)
	wants[run] = want
	return err
}

// complete wants every step to have its answer in every run, one protocol, and a
// {{headers}} exactly where there is something that it can stand for.
func (c *wireCase) complete() error {
	if len(c.runs) > 1 && slices.Contains(c.runs, "") {
		return errors.New(`"want" does not go together with "want good" and "want bad"`)
	}
	both := false
	for i, s := range c.steps {
		for _, w := range s.wants {
			if (w.then != "") != (i == len(c.steps)-1) {
				return errors.New("the last step, and no other, says what becomes of the connection")
			}
		}
		both = both || strings.Contains(s.send, "{{headers}}")
		if len(s.wants) != len(c.runs) || s.http2 != c.steps[0].http2 {
			return errors.New("a step lacks an answer, or speaks another protocol")
		}
	}
	if both == slices.Contains(c.runs, "") {
		return errors.New(`{{headers}} goes together with "want good" and "want bad"`)
	}
	return nil
}

// wireEscape is \r, \n or \xNN. Every other backslash is itself, as JSON needs it.
var wireEscape = regexp.MustCompile(`\\(?:r|n|x[0-9a-f]{2})`)

func wireUnescape(text string) string {
	return wireEscape.ReplaceAllStringFunc(text, func(escape string) string {
		switch escape[1] {
		case 'r':
			return "\r"
		case 'n':
			return "\n"
		default:
			n, _ := strconv.ParseUint(escape[2:], 16, 8) // the expression lets nothing else pass
			return string([]byte{byte(n)})
		}
	})
}

// wireHeaders are the header lines that stand for a macro's words, such as
// "good headers alice".
func wireHeaders(words, run string) (harness.Headers, error) {
	if words == "headers" {
		words = run + " headers alice"
	}
	kind, user, ok := strings.Cut(words, " headers ")
	if !ok || !slices.Contains([]string{"alice", "bob"}, user) {
		return nil, fmt.Errorf("there is no macro {{%s}}", words)
	}
	good := shared.Cluster.Token(user)
	switch kind {
	case "good":
		return good, nil
	case "bad":
		return good.Plus("kubernetes-canary", "1"), nil
	}
	return nil, fmt.Errorf("there is no macro {{%s}}", words)
}

// wireCall is a tools/call of whoami: a request that the backend acts on.
func wireCall(id string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`
}

const wirePost = "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n" +
	"Accept: application/json, text/event-stream\r\n"

// wireBytes turns the text of a send section into what goes over the wire.
func wireBytes(text, run string) ([]byte, error) {
	var out []byte
	for request := range strings.SplitSeq(strings.ReplaceAll(text, "\n", ""), "{{next}}") {
		expanded, err := wireExpand(request, run)
		if err != nil {
			return nil, err
		}
		const length = "{{length}}"
		head, body, _ := strings.Cut(expanded, "\r\n\r\n")
		if strings.Contains(head, length) {
			head = strings.ReplaceAll(head, length, strconv.Itoa(len(body)))
			expanded = head + "\r\n\r\n" + body
		}
		out = append(out, expanded...)
	}
	return out, nil
}

// wireExpand replaces the macros of one line or one request, {{length}} excepted.
func wireExpand(text, run string) (string, error) {
	var out strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		out.WriteString(wireUnescape(before))
		if !found {
			break
		}
		words, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", errors.New("a macro without its end")
		}
		if extension, chunked := strings.CutPrefix(words, "chunk"); chunked {
			inner, behind, ended := strings.Cut(after, "{{end}}")
			if !ended {
				return "", errors.New("a chunk without {{end}}")
			}
			data, err := wireExpand(inner, run)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&out, "%x%s\r\n%s\r\n", len(data), extension, data)
			text = behind
			continue
		}
		text = after
		value, err := wireMacro(words, run)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

func wireMacro(words, run string) (string, error) {
	kind, argument, _ := strings.Cut(words, " ")
	switch kind {
	case "length":
		return "{{length}}", nil
	case "post":
		return wirePost, nil
	case "call":
		return wireCall(argument), nil
	case "repeat":
		count, what, _ := strings.Cut(argument, " ")
		n, err := strconv.Atoi(count)
		return strings.Repeat(wireUnescape(what), max(n, 0)), err
	}
	headers, err := wireHeaders(words, run)
	var out strings.Builder
	for _, h := range headers {
		out.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	return out.String(), err
}
