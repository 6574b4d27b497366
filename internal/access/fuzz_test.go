package access

import (
	"bytes"
	"errors"
	"testing"
)

// everyone has a peer of each kind.
var everyone = []Query{anyone, nobody, liar, friend, near, local, sixer, linked, mapped, stranger}

func FuzzHosts(f *testing.F) {
	for _, tt := range patternTests {
		f.Add([]byte("ALL: "+tt.list+"\n"), []byte("ALL: "+tt.list+": deny\n"))
	}
	for _, tt := range ruleTests {
		f.Add([]byte(tt.allow), []byte(tt.deny))
	}
	f.Fuzz(func(t *testing.T, allow, deny []byte) {
		tables, problems := ParseHosts("a", allow, "d", deny)
		tables.ReadFile = func(string) ([]byte, error) { return deny, nil }
		places(t, problems, map[string][]byte{"a": allow, "d": deny})
		closed, _ := ParseHosts("a", nil, "d", append([]byte("ALL: ALL\n"), deny...))
		end := lastAllows(allow)
		open, _ := ParseHosts("a", end, "d", nil)
		open.ReadFile = tables.ReadFile
		for _, q := range everyone {
			verdict(t, tables.Check(q), q)
			if closed.Check(q).Allow {
				t.Errorf("ALL: ALL in hosts.deny lets in %+v", q)
			}
			if v := open.Check(q); v.Allow && v.File == "" {
				t.Errorf("ALL: ALL: deny at the end of hosts.allow lets in %+v", q)
			}
		}
	})
}

// lastAllows returns text with a last rule that denies all.
func lastAllows(text []byte) []byte {
	return append(bytes.TrimRight(bytes.Clone(text), "\\"), "\nALL: ALL: deny\n"...)
}

func FuzzSec(f *testing.F) {
	for _, hosts := range []string{"*", "10.3-5", "15.13.2-12.0", "2001:db8::/32", "host.example.com", "10.5*", ""} {
		f.Add([]byte("ftp allow " + hosts + "\nftp deny \\\n " + hosts))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sec, problems := ParseSec("s", text)
		places(t, problems, map[string][]byte{"s": text})
		shut, _ := ParseSec("s", append(bytes.TrimRight(bytes.Clone(text), "\\"), "\nftp deny *\n"...))
		for _, q := range everyone {
			verdict(t, sec.Check(q), q)
			if shut.Check(q).Allow {
				t.Errorf("deny * lets in %+v", q)
			}
		}
	})
}

// places checks that every problem is in its file.
func places(t *testing.T, problems []Problem, files map[string][]byte) {
	t.Helper()
	for _, p := range problems {
		lines := bytes.Split(files[p.File], []byte("\n"))
		if p.Text == "" || p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > len(lines[p.Line-1])+1 {
			t.Errorf("problem outside of its file: %+v", p)
		}
	}
}

// verdict checks what is true of every verdict.
func verdict(t *testing.T, v Verdict, q Query) {
	t.Helper()
	if err := v.inconsistency(q); err != nil {
		t.Errorf("%v: %+v for %+v", err, v, q)
	}
}

func (v Verdict) inconsistency(q Query) error {
	switch {
	case v.NeedName && v.Allow:
		return errors.New("allows before it has the name")
	case v.NeedName && (q.NameState != NotAsked || q.UnixPeer || !q.Peer.IsValid()):
		return errors.New("wants a name that it cannot get")
	case v.File == "" && !v.Allow:
		return errors.New("refuses without a rule")
	}
	return nil
}
