package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inetd/internal/conf"
	"inetd/internal/plaintext"
	"inetd/internal/strerror"
	"inetd/internal/textfile"

	"golang.org/x/sys/unix"
)

// A load reads at most maxFiles configuration files, of maxText bytes together.
const (
	maxFiles = 1 << 14
	maxText  = 64 << 20
)

// pipeTime is how long the writer of a configuration in a pipe may take.
const pipeTime = 5 * time.Second

// sources are the configuration files of one load. Each is read once, under whatever
// names and however often it is included.
type sources struct {
	paths    []string // of the files that the command line names
	files    map[fileID]*conf.File
	named    map[string]*conf.File   // by path
	included map[string][]*conf.File // by pattern
	read     []string                // the paths that were read, in order; each file once
	size     int                     // bytes read
	problems []Problem               // of listing the files
}

// fileID is the same for all names of a file.
type fileID struct{ device, inode uint64 }

func identityOf(path string) (id fileID, ok bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return fileID{}, false
	}
	return fileID{uint64(st.Dev), st.Ino}, true
}

// source returns a configuration file, which it reads at most once in a load.
func (l *loader) source(path string, read func(path string) (string, error)) (*conf.File, error) {
	if f := l.sources.named[path]; f != nil {
		return f, nil
	}
	l.reading(&path)
	defer l.reading(nil)
	id, exists := identityOf(path)
	if f := l.sources.files[id]; f != nil && exists {
		l.sources.named[path] = f
		return f, nil
	}
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	f := &conf.File{Name: path, Text: text}
	l.sources.files[id], l.sources.named[path] = f, f
	l.sources.read = append(l.sources.read, path)
	l.sources.size += len(text)
	if len(l.sources.files) > maxFiles || l.sources.size > maxText {
		return nil, fmt.Errorf("%s: the configuration is too large: at most %d files and %d bytes are read", path, maxFiles, maxText)
	}
	return f, l.damage(f)
}

// reading tells the caller of the load which file is being read, nil for none.
func (l *loader) reading(path *string) {
	if l.host.Reading != nil {
		l.host.Reading(path)
	}
}

// damage says why a file cannot be what its author wrote. A reload with such a file
// is refused.
func (l *loader) damage(f *conf.File) error {
	if f.Text == "" && slices.Contains(l.host.Known, f.Name) {
		return emptied(f.Name, "the file is empty, and was not at the last load", "write a comment into it to close its services")
	}
	if f.Text != "" {
		l.plan.Known = append(l.plan.Known, f.Name)
	}
	if _, _, fault := plaintext.Decode(f.Text); fault != nil {
		return faulty(f.Name, fault)
	}
	return nil
}

// fileError is a problem of a file that keeps the configuration from being used.
type fileError struct{ conf.Problem }

func (e *fileError) Error() string { return e.String() }

// Damaged reports whether err says that a file is damaged. Such a file has entries
// nevertheless, before and after the damage.
func Damaged(err error) bool {
	_, damaged := errors.AsType[*fileError](err)
	return damaged
}

// emptied is the error of a file or directory that is empty and was not at the last load.
func emptied(path, text, hint string) error {
	return &fileError{conf.Problem{Pos: conf.Pos{File: path, Line: 1}, Severity: conf.Error, Text: text, Hint: hint}}
}

func faulty(path string, f *plaintext.Fault) error {
	return &fileError{conf.Problem{Pos: conf.Pos{File: path, Line: f.Line, Col: f.Col}, Severity: conf.Error, Text: f.Text, Hint: f.Hint}}
}

// readOperand reads a file of the command line. At the start it may be a pipe, such as
// a shell makes of <(command). A pipe cannot be read again by a reload.
func (l *loader) readOperand(path string) (string, error) {
	switch pipe := textfile.IsPipe(path); {
	case !pipe:
		return readConf(path)
	case l.host.Known == nil:
		return textfile.ReadPipe(path, textfile.Limit, pipeTime)
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("it is a pipe, which is read at the start only")}
}

// readText reads a file in which names are looked up.
func readText(path string) (string, error) {
	bytes, err := textfile.Read(path, textfile.Limit)
	if err != nil {
		return "", err
	}
	text, _, fault := plaintext.Decode(bytes)
	if fault != nil {
		return "", faulty(path, fault)
	}
	return text, nil
}

func readConf(path string) (string, error) { return textfile.Read(path, textfile.Limit) }

// configuration adds the services of all files to the plan. A definition in a later
// file may amend an entry, so all files are read first. The problems of all files are
// reported; the first error is that of the plan.
func (l *loader) configuration(paths []string) {
	l.parser.Include = l.include
	files, errs := make([]*conf.File, len(paths)), make([]error, len(paths))
	foreign := map[*conf.File]bool{} // xinetd's files
	for i, path := range paths {
		if files[i], errs[i] = l.source(path, l.readOperand); files[i] == nil {
			continue
		}
		l.plan.Files = append(l.plan.Files, path)
		if foreign[files[i]] = l.readXinetd(files[i]); !foreign[files[i]] {
			l.parser.Gather(files[i])
		}
	}
	entries := l.commandLine()
	for i, file := range files {
		switch {
		case file == nil:
		case foreign[file]:
			l.usable += l.fileXinetd(file)
		default:
			errs[i] = cmp.Or(l.file(file), errs[i])
		}
	}
	errs = append(errs, l.file(entries...), l.unusable())
	l.plan.Err = cmp.Or(l.plan.Err, cmp.Or(errs...))
	l.parser.Unused()
	l.add(l.parser.Problems...)
	if l.xinetd != nil {
		l.add(l.xinetd.Problems...)
		if l.checking || l.converting {
			l.add(l.xinetd.Off...)
		}
	}
}

// commandLine makes a file of each --entry, so that a mistake in one costs no other.
// Their lines are numbered as if they were one file.
func (l *loader) commandLine() (files []*conf.File) {
	line := 1
	for _, text := range l.cfg.Entries {
		file := &conf.File{Name: "--entry", Text: text, Line: line}
		l.parser.Gather(file)
		files = append(files, file)
		line += 1 + strings.Count(strings.TrimSuffix(text, "\n"), "\n")
	}
	return files
}

// file adds the services of one configuration file, which may consist of several
// parts, to the plan.
func (l *loader) file(parts ...*conf.File) error {
	first, usable := len(l.parser.Problems), 0
	for _, file := range parts {
		for e := range l.parser.Entries(file) {
			usable++
			l.taken(e)
		}
	}
	l.usable += usable
	if usable == 0 && slices.ContainsFunc(l.parser.Problems[first:], isError) {
		return fmt.Errorf("%s: Unusable configuration file", parts[0].Name)
	}
	return nil
}

func isError(p conf.Problem) bool { return p.Severity == conf.Error }

// files lists the configuration files: the operands, with each directory replaced by
// the files in it.
func (l *loader) files() []string {
	var files []string
	for _, path := range l.cfg.Files {
		l.plan.Watch = append(l.plan.Watch, path)
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			files = append(files, l.directory(path)...)
		case errors.Is(err, fs.ErrNotExist) && !l.cfg.Explicit && !slices.Contains(l.host.Known, path):
			// A default file need not exist, unless it did at the last load.
		default:
			files = append(files, path)
		}
	}
	return files
}

// directory lists the configuration files in a directory, sorted by name. It skips
// what editors and package managers leave behind.
func (l *loader) directory(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.plan.Err = err
	}
	if before := l.readBefore(dir); before != "" && err == nil && len(entries) == 0 {
		l.plan.Err = emptied(dir, "the directory is empty, and "+before+" was read at the last load", "put a file with a comment into it to close its services")
	}
	var files []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		why := dropping(e.Name())
		odd := irregular(path)
		switch {
		case why != "" && odd == "":
			l.about(path, conf.Hint, "file skipped: "+why, "")
		case why != "":
		case odd != "":
			l.about(path, conf.Warning, "skipped: "+odd, "")
		default:
			files = append(files, path)
		}
	}
	return files
}

// readBefore returns a file that the last load read at the path of a directory, or in the
// directory; "": none. Files in a default directory do not count: it may become empty.
func (l *loader) readBefore(dir string) string {
	i := slices.IndexFunc(l.host.Known, func(path string) bool {
		return path == dir || l.cfg.Explicit && filepath.Dir(path) == filepath.Clean(dir)
	})
	if i < 0 {
		return ""
	}
	return l.host.Known[i]
}

// irregular says why a path is not a file to read; "": it is one.
func irregular(path string) string {
	f, err := textfile.Open(path)
	if err == nil {
		f.Close()
	}
	switch _, link := os.Readlink(path); {
	case err == nil, errors.Is(err, fs.ErrPermission): // reading it will report the error
		return ""
	case errors.Is(err, fs.ErrNotExist) && link == nil:
		return "it is a link to a file that does not exist"
	case errors.Is(err, unix.EISDIR):
		return "it is a directory"
	}
	return strerror.Cause(err)
}

// dropping says why a file in a configuration directory is not meant to be read; "":
// it is.
func dropping(name string) string {
	switch {
	case strings.HasPrefix(name, "."):
		return "its name begins with a dot"
	case strings.HasSuffix(name, "~"), strings.HasPrefix(name, "#"):
		return "an editor's copy"
	}
	for _, s := range []string{".swp", ".swo", ".bak", ".orig", ".rej", ".old", ".rpmsave", ".rpmnew", ".rpmorig", ".disabled"} {
		if strings.HasSuffix(name, s) {
			return "its name ends in " + s
		}
	}
	for _, s := range []string{".dpkg-", ".ucf-"} {
		if strings.Contains(name, s) {
			return "a package manager's copy"
		}
	}
	return ""
}

// include returns the files that NetBSD's directive .include names: those that match a
// pattern, which is relative to the directory of the including file. A file that cannot
// be read is an error of the whole load, as for a file of the command line.
func (l *loader) include(from, pattern string) (files []*conf.File, err error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	if files, again := l.sources.included[pattern]; again {
		return files, nil
	}
	one := !strings.ContainsAny(pattern, `*?[\`)
	if one {
		l.plan.Watch = append(l.plan.Watch, pattern)
	} else {
		l.plan.Watch = append(l.plan.Watch, filepath.Dir(pattern))
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 && one {
		files = append(files, &conf.File{Name: pattern, Skip: "there is no such file"})
	}
	for _, path := range paths {
		if odd := irregular(path); odd != "" {
			files = append(files, &conf.File{Name: path, Skip: odd})
			continue
		}
		f, failed := l.source(path, readConf)
		if failed != nil {
			err = failed
			l.plan.Err = failed
		}
		if f != nil {
			files = append(files, f)
		}
	}
	l.sources.included[pattern] = files
	return files, err
}
