package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/strerror"
	"inetd/internal/xinetd"
)

// readXinetd reads a file if it is in xinetd's syntax, and reports whether it is. In a
// directory it skips the names that xinetd does not read: people rename a file to turn
// its services off.
func (l *loader) readXinetd(file *conf.File) bool {
	if !xinetd.Is(file.Text) {
		return false
	}
	if l.xinetd == nil {
		l.xinetd = &xinetd.Reader{Include: l.includeXinetd, Network: l.network, Root: l.host.UID == 0 || l.checking}
		l.xinetd.Port, l.xinetd.Rules = l.listedPort, l.hostRules()
	}
	if !slices.Contains(l.cfg.Files, file.Name) && !xinetd.Included(filepath.Base(file.Name)) {
		l.about(file.Name, conf.Warning, "file skipped: "+undotted, "")
		return true
	}
	l.xinetd.Read(file)
	return true
}

// listedPort looks a service up in services(5), but not in the built-in table of classic
// services, since xinetd has none.
func (l *loader) listedPort(name, protocol string) (uint16, bool) {
	l.from.wanted = true
	s, ok := l.services.ByName(name, protocol)
	if !ok {
		s, ok = l.getentService(&conf.Entry{Service: name, Proto: protocol})
	}
	return s.Port, ok
}

// hostRules reports whether hosts.allow or hosts.deny may have rules.
func (l *loader) hostRules() bool {
	allow, deny, _ := l.cfg.RuleFiles()
	for _, path := range []string{allow, deny} {
		text, err := readText(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return true
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				return true
			}
		}
	}
	return false
}

// fileXinetd adds the services of one of xinetd's files to the plan.
func (l *loader) fileXinetd(file *conf.File) (usable int) {
	for def := range l.xinetd.Definitions(file) {
		entries := l.defined(def)
		for i := range entries {
			usable++
			l.taken(&entries[i])
		}
	}
	return usable
}

// defined returns the entries of an xinetd service. A service that is off has entries
// only for --check and --convert, which note its mistakes apart.
func (l *loader) defined(def conf.Definition) []conf.Entry {
	if def.State != conf.Off {
		entries := l.parser.Compile(def)
		if len(entries) == 0 {
			l.tell(def, "is not served: it has an error")
		}
		return entries
	}
	if !l.checking && !l.converting {
		return nil
	}
	said := len(l.parser.Problems)
	entries := l.parser.Compile(def)
	l.xinetd.Idle(l.parser.Problems[said:]...)
	l.parser.Problems = l.parser.Problems[:said]
	if l.checking {
		l.tell(def, "is off")
	}
	return entries
}

// tell hints at a service that is not served.
func (l *loader) tell(def conf.Definition, what string) {
	l.add(conf.Problem{Pos: def.Service.Pos, Severity: conf.Hint, Text: fmt.Sprintf("service %q %s", def.Service.Text, what)})
}

// unusable returns an error if xinetd's files, which are one configuration, have mistakes
// and no usable service.
func (l *loader) unusable() error {
	if l.xinetd == nil || l.usable > 0 || !slices.ContainsFunc(l.xinetd.Problems, isError) {
		return nil
	}
	return fmt.Errorf("%s: Unusable configuration file", l.plan.Files[0])
}

// includeXinetd returns the files that xinetd's directives include and includedir name.
// A path is relative to the directory of the including file. Like xinetd, includedir
// skips some names.
func (l *loader) includeXinetd(from, path string, directory bool) (files []*conf.File, err error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	key := fmt.Sprintf("%t %s", directory, path)
	if files, again := l.sources.included[key]; again {
		return files, nil
	}
	paths := []string{path}
	l.plan.Watch = append(l.plan.Watch, path)
	if directory {
		paths, err = l.includedir(path)
	}
	for _, p := range paths {
		f, failed := l.includedFile(p)
		if failed != nil {
			err = failed
			l.plan.Err = failed
		}
		if f != nil {
			files = append(files, f)
		}
	}
	l.sources.included[key] = files
	return files, err
}

// includedir lists the files in a directory that xinetd's includedir reads, sorted by
// the bytes of their names.
func (l *loader) includedir(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, errors.New(strerror.Cause(err))
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !xinetd.Included(e.Name()) {
			l.about(path, conf.Hint, "file skipped: "+undotted, "")
			continue
		}
		paths = append(paths, path)
	}
	return paths, nil
}

const undotted = "xinetd reads no file with a dot in its name, or ~ at its end"

func (l *loader) includedFile(path string) (*conf.File, error) {
	odd := irregular(path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		odd = "there is no such file"
	}
	if odd != "" {
		return &conf.File{Name: path, Skip: odd}, nil
	}
	return l.source(path, readConf)
}

// network looks a name up in networks(5), as xinetd's only_from and no_access may use it.
// Trailing zero bytes of a number there stand for any byte.
func (l *loader) network(name string) (netip.Prefix, bool) {
	text, err := readText(l.host.etc("networks"))
	if err != nil {
		return netip.Prefix{}, false
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != name && !strings.Contains(" "+strings.Join(f[2:], " ")+" ", " "+name+" ") {
			continue
		}
		if p, ok := xinetd.Network(f[1]); ok {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
