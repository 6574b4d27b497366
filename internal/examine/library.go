package examine

import (
	"bytes"
	"debug/elf"
	"path/filepath"
	"strings"
)

// loaderCache lists the libraries that glibc's loader knows (ld.so(8)).
const loaderCache = "/etc/ld.so.cache"

// libraryDirs are the directories of the loaders of glibc and musl. Both search more,
// which are in the cache or named by the program.
var libraryDirs = []string{"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"}

// missingLibrary returns the name of a library that a program needs and that is nowhere;
// "" if there is none. Libraries that libraries need are not looked for.
func missingLibrary(path string, f *elf.File, u User) string {
	needed, err := f.ImportedLibraries()
	if err != nil || len(needed) == 0 {
		return ""
	}
	dirs := append(ownDirs(path, f), libraryDirs...)
	cache := u.read(loaderCache)
	for _, lib := range needed {
		if !u.found(lib, dirs, cache) {
			return lib
		}
	}
	return ""
}

func (u User) found(lib string, dirs []string, cache []byte) bool {
	if strings.Contains(lib, "/") {
		_, err := u.stat(lib)
		return err == nil
	}
	if cached(lib, cache) {
		return true
	}
	for _, dir := range dirs {
		if _, err := u.stat(filepath.Join(dir, lib)); err == nil {
			return true
		}
		if len(u.glob(filepath.Join(dir, "*-linux-*", lib))) > 0 {
			return true // Debian's multiarch
		}
	}
	return false
}

// cached reports whether the loader's cache lists a library. Its strings end with a NUL,
// and since glibc 2.33 a name is mostly kept as the end of its path.
func cached(lib string, cache []byte) bool {
	for _, before := range []string{"/", "\x00"} {
		if bytes.Contains(cache, []byte(before+lib+"\x00")) {
			return true
		}
	}
	return false
}

// ownDirs are the library directories that a program names itself.
func ownDirs(path string, f *elf.File) (dirs []string) {
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, _ := f.DynString(tag)
		for _, v := range values {
			origin := strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path))
			dirs = append(dirs, strings.Split(origin.Replace(v), ":")...)
		}
	}
	return dirs
}
