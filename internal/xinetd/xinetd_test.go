package xinetd

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/golden"
)

const dir = "../../testdata/xinetd"

// TestGolden reads each file of testdata/xinetd and compares the definitions and
// problems with the file beside it.
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, strings.TrimSuffix(path, ".conf")+".golden", readGolden(t, path))
		})
	}
}

// readGolden reads a file with those that it includes, all by names relative to
// testdata.
func readGolden(t *testing.T, path string) string {
	t.Helper()
	files := map[string]*conf.File{}
	load := func(name string) *conf.File {
		if files[name] == nil {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return &conf.File{Name: name, Skip: "there is no such file"}
			}
			files[name] = &conf.File{Name: name, Text: string(text)}
		}
		return files[name]
	}
	r := Reader{Root: true, Network: oneNetwork, Include: func(_, path string, directory bool) (list []*conf.File, err error) {
		if !directory {
			return []*conf.File{load(path)}, nil
		}
		entries, err := os.ReadDir(filepath.Join(dir, path))
		for _, e := range entries {
			if Included(e.Name()) {
				list = append(list, load(filepath.Join(path, e.Name())))
			}
		}
		return list, err
	}}
	file := load(filepath.Base(path))
	r.Read(file)
	return dump(&r, file)
}

func oneNetwork(name string) (netip.Prefix, bool) {
	return netip.MustParsePrefix("192.0.2.0/24"), name == "testnet"
}

// dump writes what was read so that a person can check it: definitions, what they
// are compiled to, and all problems.
func dump(r *Reader, file *conf.File) string {
	var b strings.Builder
	var p conf.Parser
	for def := range r.Definitions(file) {
		if def.Broken {
			continue
		}
		def.Comments = nil
		b.WriteString(def.String())
		if def.State == conf.On {
			p.Compile(def)
		}
	}
	if note, ok := r.Defaults(); ok {
		r.Problems = append(r.Problems, note)
	}
	for _, p := range slices.Concat(r.Problems, p.Problems, r.Off) {
		fmt.Fprintf(&b, "%v: %v\n", p.Severity, p)
	}
	return b.String()
}
