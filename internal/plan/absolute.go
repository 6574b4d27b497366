package plan

import (
	"path/filepath"
	"slices"
)

// Absolute returns the Config of a daemon whose working directory is dir with absolute
// paths, for use in another directory.
func (c Config) Absolute(dir string) Config {
	c.Files = slices.Clone(c.Files)
	paths := []*string{&c.Services}
	for i := range c.Files {
		paths = append(paths, &c.Files[i])
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return c
}
