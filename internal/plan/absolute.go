package plan

import (
	"path/filepath"
	"slices"
)

// Absolute is the command line with paths that do not depend on the directory that
// the daemon runs in.
func (c Config) Absolute() Config {
	c.Files = slices.Clone(c.Files)
	paths := []*string{&c.Services}
	for i := range c.Files {
		paths = append(paths, &c.Files[i])
	}
	for _, p := range paths {
		if abs, err := filepath.Abs(*p); *p != "" && err == nil {
			*p = abs
		}
	}
	return c
}
