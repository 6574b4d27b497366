package conf

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse checks that what the rest of the daemon relies on holds for any text.
func FuzzParse(f *testing.F) {
	for _, text := range goldenTexts(f) {
		f.Add(text)
		for line := range bytes.Lines(text) {
			f.Add(bytes.Clone(line))
		}
	}
	for _, v := range keyValues {
		f.Add([]byte(plainEntry + ", " + v.option + ";"))
		f.Add([]byte("* with " + v.option + "; x/tcp with " + v.option + ";\n" + plainEntry + ";"))
	}
	f.Add([]byte("'a b' on protocol = unix; # quoted"))
	f.Add([]byte("with with umask = 7;"))
	f.Add([]byte("* with sndbuf = 16k; x/tcp "))
	f.Add([]byte("a on b # a comment without a line end"))
	f.Add([]byte("a\x7f on protocol=tcp;"))
	f.Add([]byte(`"."""`))
	f.Add([]byte("echo\tdgram\tudp\twait\troot\t[0]\t[0]\tint\n"))
	f.Add([]byte(".include -x \\"))
	f.Add([]byte("0 on 0000000000;1 on socktype=stream,ipsec=0;"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, problems := parseAll(text)
		for _, e := range entries {
			checkEntry(t, &e)
			checkPos(t, text, e.Pos)
			for _, c := range e.Cols {
				if c != (Pos{}) {
					checkPos(t, text, c)
				}
			}
		}
		checkProblems(t, text, problems)
		again, problemsAgain := parseAll(text)
		if !cmp.Equal(entries, again, alike) || !cmp.Equal(problems, problemsAgain) {
			t.Error("a second parse differs")
		}
		checkAppended(t, text, entries)
		checkCRLF(t, text, entries)
		checkPrinted(t, entries)
		checkGathered(t, text)
		checkDefined(t, entries)
	})
}

// checkGathered checks that the quick look of mayAmend misses no amendment.
func checkGathered(t *testing.T, text []byte) {
	quick, full := Parser{Include: includeFuzz}, Parser{Include: includeFuzz}
	quick.Gather(&File{Name: "fuzz", Text: string(text)})
	full.gather(&File{Name: "fuzz", Text: string(text)})
	if len(quick.with.list) != len(full.with.list) {
		t.Errorf("%d amendments of %d are found", len(quick.with.list), len(full.with.list))
	}
}

// parseAll reads a text, with what it includes.
func parseAll(text []byte) ([]Entry, []Problem) {
	p := Parser{Include: includeFuzz}
	entries := p.parse("fuzz", text)
	return entries, p.Problems
}

// includeFuzz includes a fixed text, or fails, by the pattern's first byte.
func includeFuzz(from, pattern string) ([]*File, error) {
	switch {
	case pattern == "" || pattern[0] == '-':
		return nil, errors.New("no such file")
	case pattern[0] == '/':
		return []*File{{Name: "fuzz"}}, nil
	}
	return []*File{{Name: "included", Text: "*:\n.include -\n"}}, nil
}

// checkEntry checks that an entry is complete, and that nothing in it could
// forge a line of the log or end a C string.
func checkEntry(t *testing.T, e *Entry) {
	if e.Service == "" || e.Proto == "" || e.Word == "" || e.Label() == "" {
		t.Errorf("incomplete entry %+v", e)
	}
	relay := e.Relay() && e.Keys != nil && e.Keys.Connect.Network != "" // an entry that needs no server
	if e.Internal != (e.Server == "") && !relay || e.Server != "" && len(e.Argv) == 0 {
		t.Errorf("entry without a program: %+v", e)
	}
	if e.Type > Raw || e.Kind > Vsock || e.Family > Dual {
		t.Errorf("entry out of range: %+v", e)
	}
	if (e.Kind == RPC) != (e.Low <= e.High && e.Word[:min(4, len(e.Word))] == "rpc/") {
		t.Errorf("RPC and the rest disagree: %+v", e)
	}
	for _, s := range slices.Concat(e.Hosts, []string{e.Service, e.Word, e.Proto}) {
		if s == "" || strings.ContainsFunc(s, func(c rune) bool { return control(c) || c == ' ' || c == '\t' }) && e.Kind != Unix {
			t.Errorf("bad word %q in %+v", s, e)
		}
	}
	for _, s := range slices.Concat(e.Argv, []string{e.Server, e.User, e.Group, e.Service}) {
		if strings.Contains(s, "\x00") {
			t.Errorf("NUL in %q", s)
		}
	}
	l := e.Limits
	if min(l.Starts, l.Max, l.PerMinute, l.PerSource) < Unset || e.SndBuf < 0 || e.RcvBuf < 0 {
		t.Errorf("number out of range: %+v", e)
	}
}

// checkPos checks that a position lies in the file, or right behind a line.
func checkPos(t *testing.T, text []byte, p Pos) {
	if p.File != "fuzz" {
		return
	}
	lines := bytes.Split(text, []byte("\n"))
	if p.Line < 1 || p.Line > len(lines) || p.Col < 0 || p.Col > len(lines[p.Line-1])+1 {
		t.Errorf("%v is outside of the file", p)
	}
}

func checkProblems(t *testing.T, text []byte, problems []Problem) {
	last := Pos{}
	for _, p := range problems {
		checkPos(t, text, p.Pos)
		if strings.ContainsFunc(p.Pos.String()+p.Text+p.Hint, control) || strings.Contains(p.String(), "\n") {
			t.Errorf("problem %q would break a line of the log", p)
		}
		if p.Pos.File != "fuzz" || strings.HasPrefix(p.Text, "no entry is amended") || strings.Contains(p.Text, " replaces that of ") {
			continue // those of Unused come last
		}
		if p.Pos.Line < last.Line || p.Pos.Line == last.Line && p.Pos.Col < last.Col {
			t.Errorf("%v is reported after %v", p.Pos, last)
		}
		last = p.Pos
	}
}

// checkAppended checks that what comes later in a file takes nothing away.
func checkAppended(t *testing.T, text []byte, entries []Entry) {
	more := append(bytes.Clone(text), "\n\ngarbage in stream tcp\n"...)
	got, problems := parseAll(more)
	if !cmp.Equal(got, entries, alike) {
		t.Error("a line of garbage at the end changed the entries before it")
	}
	if !bytes.HasPrefix(text, []byte("\xff\xfe")) && !slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error }) {
		t.Error("a line of garbage at the end is not reported")
	}
}

// checkCRLF checks that the end of the lines does not matter.
func checkCRLF(t *testing.T, text []byte, entries []Entry) {
	if bytes.Contains(text, []byte("\r")) {
		return
	}
	got, _ := parseAll(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
	if !cmp.Equal(got, entries, alike) {
		t.Errorf("CR LF changed the entries: %s", cmp.Diff(entries, got, alike))
	}
}

// checkPrinted writes each entry in the classic columns and reads it back.
func checkPrinted(t *testing.T, entries []Entry) {
	for _, e := range entries {
		line, ok := printed(&e)
		if !ok {
			continue
		}
		got, problems := Parse("fuzz", []byte(line), nil)
		if len(got) != 1 {
			t.Errorf("%q came back as %d entries: %v", line, len(got), problems)
			continue
		}
		if diff := cmp.Diff(placeless([]Entry{e}), placeless(got), alike); diff != "" {
			t.Errorf("%q came back otherwise: %s", line, diff)
		}
	}
}

// printed writes an entry as one line. Some that come from the other syntaxes
// have no such line.
func printed(e *Entry) (line string, ok bool) {
	if e.Kind != Inet || e.Keys != nil || e.IPsec != "" || len(e.Argv) > 0 && e.Server != "" && e.Server[0] == '>' {
		return "", false
	}
	hosts := "*"
	if e.Hosts != nil {
		hosts = "[" + strings.Join(e.Hosts, "],[") + "]"
	}
	typ := e.Type.String()
	if e.Defer {
		typ += ":dataready"
	}
	wait := "nowait"
	if e.Wait {
		wait = "wait"
		if e.Listen {
			wait = "listen"
		}
	}
	l := e.Limits
	wait, complete := printedLimits(wait, l)
	user := e.User
	if user == "" {
		user = "-"
	}
	if e.Group != "" {
		user += ":" + e.Group
	}
	server := e.Server
	if e.Internal {
		server = "internal"
	}
	words := []string{hosts + ":" + e.Service, typ, e.Word + printedBuffers(e), wait, user}
	if strings.HasPrefix(server, "[") { // it would be taken for NonStop's column
		words = append(words, "[0]")
	}
	words = append(append(words, server), e.Argv...)
	for i, w := range words {
		if words[i], ok = printedWord(w); !ok {
			return "", false
		}
	}
	plain := !strings.ContainsAny(e.User+e.Group, "/:") && (e.Group != "" || !strings.Contains(e.User, ".")) && e.User != "-" && e.User != "NOLUID"
	return strings.Join(words, " "), complete && plain
}

func printedLimits(wait string, l Limits) (s string, ok bool) {
	if l.Starts != Unset {
		wait += "." + strconv.Itoa(l.Starts)
	}
	open := false
	for _, n := range []int{l.Max, l.PerMinute, l.PerSource} {
		if n == Unset {
			open = true
			continue
		}
		if open { // a later number cannot be written without the earlier ones
			return "", false
		}
		wait += "/" + strconv.Itoa(n)
	}
	return wait, true
}

func printedBuffers(e *Entry) string {
	s := ""
	if e.SndBuf > 0 {
		s += ",sndbuf=" + strconv.Itoa(e.SndBuf)
	}
	if e.RcvBuf > 0 {
		s += ",rcvbuf=" + strconv.Itoa(e.RcvBuf)
	}
	return s
}

// printedWord quotes a word if it must be.
func printedWord(w string) (string, bool) {
	switch {
	case strings.ContainsFunc(w, func(c rune) bool { return control(c) }):
		return "", false
	case w != "" && !strings.ContainsAny(w, " \t\"'") && !strings.HasSuffix(w, `\`):
		return w, true
	case !strings.Contains(w, `"`):
		return `"` + w + `"`, true
	case !strings.Contains(w, `'`):
		return `'` + w + `'`, true
	}
	return "", false
}
