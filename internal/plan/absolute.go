package plan

import (
	"path/filepath"
	"slices"
)

// Absolute returns the Config with absolute paths, for use in another directory.
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
