package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/golden"
)

const goldenDir = "../../testdata/conf"

// TestGolden parses every file under testdata/conf and compares the entries
// and problems with the golden file beside it.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(Parse(filepath.Base(file), text, includeGolden))
			golden.Compare(t, strings.TrimSuffix(file, ".conf")+".golden", got)
		})
	}
}

// includeGolden resolves .include under testdata/conf.
func includeGolden(from, pattern string) ([]*File, error) {
	if strings.HasPrefix(pattern, "nothing") {
		return nil, errors.New("no such directory")
	}
	names, err := filepath.Glob(filepath.Join(goldenDir, filepath.Dir(from), pattern))
	if err != nil {
		return nil, err
	}
	var files []*File
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(goldenDir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, &File{Name: rel, Text: string(text)})
	}
	return files, nil
}

var (
	kindWords   = [...]string{"inet", "unix", "rpc", "mux", "vsock"}
	familyWords = [...]string{"both", "v4", "v6", "dual"}
)

// dump writes entries and problems so that a person can check them.
func dump(entries []Entry, problems []Problem) string {
	var b strings.Builder
	for _, e := range entries {
		dumpEntry(&b, &e)
	}
	if len(entries) > 0 && len(problems) > 0 {
		b.WriteByte('\n')
	}
	for _, p := range problems {
		fmt.Fprintf(&b, "%v: %v\n", p.Severity, p)
	}
	return b.String()
}

func dumpEntry(b *strings.Builder, e *Entry) {
	fmt.Fprintf(b, "%s %s: %s %s %s %s", e.Pos, e.Label(), kindWords[e.Kind], e.Type, e.Proto, familyWords[e.Family])
	write := func(set bool, format string, args ...any) {
		if set {
			fmt.Fprintf(b, " "+format, args...)
		}
	}
	write(e.Wait && !e.Listen, "wait")
	write(e.Listen, "listen")
	write(!e.Wait, "nowait")
	write(e.Defer, "defer")
	write(e.Plus, "plus")
	write(e.High > 0, "versions=%d-%d", e.Low, e.High)
	write(e.SndBuf > 0, "sndbuf=%d", e.SndBuf)
	write(e.RcvBuf > 0, "rcvbuf=%d", e.RcvBuf)
	write(e.Owner.Set, "owner=%q:%q mode=%04o", e.Owner.User, e.Owner.Group, e.Owner.Mode)
	l := e.Limits
	write(l.Starts != Unset, "starts=%d", l.Starts)
	write(l.Max != Unset, "max=%d", l.Max)
	write(l.PerMinute != Unset, "perminute=%d", l.PerMinute)
	write(l.PerSource != Unset, "persource=%d", l.PerSource)
	b.WriteString("\n\t")
	fmt.Fprintf(b, "%q on %q, ", e.Service, e.Hosts)
	fmt.Fprintf(b, "user %q group %q, ", e.User, e.Group)
	if e.Internal {
		b.WriteString("internal")
	} else {
		fmt.Fprintf(b, "server %q", e.Server)
	}
	fmt.Fprintf(b, " %q\n\tcolumns", e.Argv)
	for _, c := range e.Cols {
		fmt.Fprintf(b, " %d:%d", c.Line, c.Col)
	}
	b.WriteByte('\n')
}
