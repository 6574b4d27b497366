package watch

import (
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// digest stands for the content at a path: equal digests, equal content.
type digest uint64

// Digests of paths without content.
const (
	missing digest = iota // or unreadable
	special               // a device, pipe or socket, which might block or act, or a directory in a directory
)

// read digests the file at path, or the files of the directory at path.
func read(path string) digest {
	entries, err := os.ReadDir(path)
	if err != nil {
		return readFile(path) // not a directory
	}
	h := fnv.New64a()
	for _, e := range entries {
		name := e.Name()
		if ignored(name) {
			continue
		}
		fmt.Fprintf(h, "%s/%x\n", name, readFile(filepath.Join(path, name)))
	}
	return digest(h.Sum64())
}

// ignored reports whether a file of that name does not count in a directory.
func ignored(name string) bool { return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") }

func readFile(path string) digest {
	st, err := os.Stat(path)
	if err != nil {
		return missing
	}
	if !st.Mode().IsRegular() {
		return special
	}
	f, err := os.Open(path)
	if err != nil {
		return missing
	}
	defer f.Close()
	h := fnv.New64a()
	if _, err := io.Copy(h, f); err != nil {
		return missing
	}
	return digest(h.Sum64())
}
