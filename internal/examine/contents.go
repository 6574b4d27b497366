package examine

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	"inetd/internal/strerror"
)

// headSize is how much of a file the kernel looks at (BINPRM_BUF_SIZE).
const headSize = 256

// contents examines the format of an executable file.
func contents(path string, u User, what string, depth int) Finding {
	f, err := u.open(path, os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return Finding{}
	}
	defer f.Close()
	begin := headOf(f)
	switch {
	case len(begin) == 0:
		return Finding{Cause: fmt.Sprintf("%s %s is empty", what, path)}
	case bytes.HasPrefix(begin, []byte("#!")):
		return script(path, begin, u, what, depth)
	case bytes.HasPrefix(begin, []byte(elf.ELFMAG)):
		return object(path, f, u, what)
	}
	return unknownFormat(path, begin, what)
}

// head is the beginning of the file at path; nil if it cannot be read.
func (u User) head(path string) []byte {
	f, err := u.open(path, os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer f.Close()
	return headOf(f)
}

func headOf(f *os.File) []byte {
	b := make([]byte, headSize)
	n, _ := io.ReadFull(f, b)
	return b[:n]
}

// Interpreter returns the words of a script's #! line: the path of its interpreter and
// the rest; nil if the file is no script.
func Interpreter(path string, u User) []string {
	begin := u.head(path)
	if !bytes.HasPrefix(begin, []byte("#!")) {
		return nil
	}
	line, _, _ := bytes.Cut(begin[2:], []byte("\n"))
	return strings.Fields(string(line))
}

// script examines the first line of a script as the kernel reads it: blanks, the
// path of the interpreter, and the rest as one argument.
func script(path string, head []byte, u User, what string, depth int) Finding {
	line, _, whole := bytes.Cut(head[2:], []byte("\n"))
	words := strings.Fields(string(line))
	switch {
	case len(words) == 0:
		return Finding{fmt.Sprintf("%s %s: its #! line names no interpreter", what, path), "write #!/bin/sh or the like"}
	case bytes.ContainsRune(line, '\r'):
		return Finding{fmt.Sprintf("%s %s: its #! line ends in a carriage return, so the interpreter would be called %q", what, path, words[0]+"\r"),
			"remove the carriage returns: sed -i 's/\\r$//' " + path}
	case !whole && len(words) == 1 && len(head) == headSize:
		return Finding{Cause: fmt.Sprintf("%s %s: its #! line is longer than %d bytes", what, path, headSize)}
	}
	if info, err := u.stat(path); err == nil && !u.may(info, 4) {
		_, who := u.words()
		return Finding{fmt.Sprintf("%s %s is a script that %s may not read", what, path, who), "try chmod a+r " + path}
	}
	if depth >= maxScripts {
		return Finding{Cause: fmt.Sprintf("%s %s: more than %d scripts are interpreters of each other", what, path, maxScripts)}
	}
	interpreter := words[0]
	if _, err := u.stat(interpreter); err != nil {
		return Finding{Cause: fmt.Sprintf("interpreter %s of %s: %s", interpreter, path, strerror.Cause(err)), Advice: u.installed(interpreter)}
	}
	f := program(interpreter, u, "interpreter", depth+1)
	if f != (Finding{}) {
		f.Cause += ", which " + path + " needs"
	}
	return f
}

// installed names a place where a missing interpreter is, if it is in one of the usual
// directories.
func (u User) installed(interpreter string) string {
	name := interpreter[strings.LastIndexByte(interpreter, '/')+1:]
	for _, dir := range []string{"/usr/bin/", "/bin/", "/usr/local/bin/"} {
		if _, err := u.stat(dir + name); err == nil && name != "" {
			return dir + name + " is there"
		}
	}
	return ""
}

// unknownFormat examines a file that is neither a script nor ELF.
func unknownFormat(path string, head []byte, what string) Finding {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf#!")):
		return Finding{fmt.Sprintf("%s %s: a byte order mark stands before its #!", what, path), "save it without one"}
	case registered():
		return Finding{} // binfmt_misc may know it
	case !bytes.ContainsRune(head, 0):
		return Finding{fmt.Sprintf("%s %s is text without a #! line", what, path), "write #!/bin/sh or the like in its first line"}
	}
	return Finding{Cause: fmt.Sprintf("%s %s is no program of a format that Linux knows", what, path)}
}

// registered reports whether the kernel was taught more formats (binfmt_misc).
func registered() bool {
	names, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	return err == nil && len(names) > 2 // register and status are always there
}

// machines are those that a kernel may execute, by the GOARCH of this daemon.
var machines = map[string][]elf.Machine{
	"amd64": {elf.EM_X86_64, elf.EM_386}, "386": {elf.EM_386, elf.EM_X86_64},
	"arm64": {elf.EM_AARCH64, elf.EM_ARM}, "arm": {elf.EM_ARM, elf.EM_AARCH64},
	"mips": {elf.EM_MIPS}, "mipsle": {elf.EM_MIPS}, "mips64": {elf.EM_MIPS}, "mips64le": {elf.EM_MIPS},
	"ppc64": {elf.EM_PPC64, elf.EM_PPC}, "ppc64le": {elf.EM_PPC64}, "riscv64": {elf.EM_RISCV},
	"s390x": {elf.EM_S390}, "loong64": {elf.EM_LOONGARCH},
}

// object examines an ELF file: its machine, its loader and its libraries.
func object(path string, r io.ReaderAt, u User, what string) Finding {
	f, err := elf.NewFile(r)
	if err != nil {
		return Finding{Cause: fmt.Sprintf("%s %s is damaged: %v", what, path, err)}
	}
	if known := machines[runtime.GOARCH]; known != nil && !contains(known, f.Machine) && !registered() {
		return Finding{Cause: fmt.Sprintf("%s %s is for another machine: %s, and this is %s", what, path, name(f.Machine), runtime.GOARCH)}
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return Finding{Cause: fmt.Sprintf("%s %s is an object file and not a program", what, path)}
	}
	loader := loaderOf(f)
	if loader == "" {
		return Finding{}
	}
	if _, err := u.stat(loader); err != nil {
		return Finding{fmt.Sprintf("loader %s of %s: %s", loader, path, strerror.Cause(err)),
			"the C library that it was built for is not installed"}
	}
	if lib := missingLibrary(path, f, u); lib != "" {
		return Finding{fmt.Sprintf("library %s of %s is in none of the loader's directories", lib, path), "see: ldd " + path}
	}
	return Finding{}
}

func contains(known []elf.Machine, m elf.Machine) bool {
	for _, k := range known {
		if k == m {
			return true
		}
	}
	return false
}

// name is a machine's name as people write it.
func name(m elf.Machine) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// loaderOf returns the program interpreter of an ELF file, if it has one.
func loaderOf(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err == nil {
			return string(bytes.TrimRight(text, "\x00"))
		}
	}
	return ""
}
