package examine

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	root   = User{}
	nobody = User{UID: uint32(os.Getuid()) + 65534, GID: uint32(os.Getgid()) + 65534} // not whoever runs this
)

// place returns a directory that everybody may search.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "examine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	chmod(t, dir, 0o755)
	return dir
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, mode)
	return path
}

// native is the beginning of an ELF file for a machine, with a program interpreter.
func native(machine uint16, loader string) string {
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put(uint16(2)) // ET_EXEC
	put(machine)
	put(uint32(1))
	put([3]uint64{0, 64, 0})
	put(uint32(0))
	put([6]uint16{64, 56, 1, 64, 0, 0})
	put([2]uint32{3, 4}) // PT_INTERP, readable
	put([3]uint64{64 + 56, 0, 0})
	put([3]uint64{uint64(len(loader) + 1), uint64(len(loader) + 1), 1})
	b.WriteString(loader + "\x00")
	return b.String()
}

var ourMachine = map[string]uint16{"amd64": 62, "arm64": 183}

// servers makes programs in dir, most of which cannot be executed.
func servers(t *testing.T, dir string) (at func(name string) string) {
	t.Helper()
	at = func(name string) string { return filepath.Join(dir, name) }
	write(t, at("plain"), "#!/bin/sh\n", 0o644)
	write(t, at("good"), "#!/bin/sh\necho\n", 0o755)
	write(t, at("own"), "#!/bin/sh\n", 0o700)
	write(t, at("secret"), "#!/bin/sh\n", 0o711)
	write(t, at("text"), "echo hello\n", 0o755)
	write(t, at("empty"), "", 0o755)
	write(t, at("junk"), "\x00\x01\x02", 0o755)
	write(t, at("dos"), "#!/bin/sh\r\necho\r\n", 0o755)
	write(t, at("bom"), "\xef\xbb\xbf#!/bin/sh\n", 0o755)
	write(t, at("none"), "#!\n", 0o755)
	write(t, at("lost"), "#!/nowhere/sh -e\n", 0o755)
	write(t, at("moved"), "#!/usr/local/sbin/sh\n", 0o755)
	write(t, at("onplain"), "#!"+at("plain")+"\n", 0o755)
	write(t, at("loop"), "#!"+at("loop")+"\n", 0o755)
	write(t, at("alien"), native(8, ""), 0o755)
	write(t, at("loaderless"), native(ourMachine[runtime.GOARCH], "/lib/ld-nowhere.so.1"), 0o755)
	write(t, at("cut"), "\x7fELF\x02\x01", 0o755)
	if err := os.Mkdir(at("shut"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, at("shut/server"), "#!/bin/sh\n", 0o755)
	chmod(t, at("shut"), 0o700)
	if err := os.Symlink(at("shut/server"), at("link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(at("fifo"), 0o777); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestProgram(t *testing.T) {
	t.Parallel()
	dir := place(t)
	at := servers(t, dir)
	owner := User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	for _, test := range []struct {
		name string
		u    User
		want string // of the finding; "": there is none
	}{
		{"good", nobody, ""},
		{"good", root, ""},
		{"missing", nobody, "server DIR/missing: No such file or directory"},
		{"no/such/dir", nobody, "server DIR/no/such/dir: No such file or directory"},
		{".", nobody, "server DIR is a directory"},
		{"fifo", nobody, "server DIR/fifo is not a regular file"},
		{"plain", nobody, "server DIR/plain is not executable; try chmod a+x DIR/plain"},
		{"plain", root, "server DIR/plain is not executable; try chmod a+x DIR/plain"},
		{"own", nobody, "server DIR/own may not be executed by the user of the service: its mode is 0700"},
		{"own", owner, ""},
		{"secret", nobody, "server DIR/secret is a script that the user of the service may not read; try chmod a+r DIR/secret"},
		{"shut/server", nobody, "the user of the service may not search DIR/shut/, where server DIR/shut/server lies; try chmod a+x DIR/shut/"},
		{"link", nobody, "the user of the service may not search DIR/shut/, where server DIR/link lies; try chmod a+x DIR/shut/"},
		{"text", nobody, "server DIR/text is text without a #! line; write #!/bin/sh or the like in its first line"},
		{"empty", nobody, "server DIR/empty is empty"},
		{"junk", nobody, "server DIR/junk is no program of a format that Linux knows"},
		{"dos", nobody, `server DIR/dos: its #! line ends in a carriage return, so the interpreter would be called "/bin/sh\r"; remove the carriage returns: sed -i 's/\r$//' DIR/dos`},
		{"bom", nobody, "server DIR/bom: a byte order mark stands before its #!; save it without one"},
		{"none", nobody, "server DIR/none: its #! line names no interpreter; write #!/bin/sh or the like"},
		{"lost", nobody, "interpreter /nowhere/sh of DIR/lost: No such file or directory; /usr/bin/sh is there"},
		{"onplain", nobody, "interpreter DIR/plain is not executable, which DIR/onplain needs; try chmod a+x DIR/plain"},
		{"loop", nobody, "interpreter DIR/loop: more than 5 scripts are interpreters of each other" + strings.Repeat(", which DIR/loop needs", 5)},
		{"alien", nobody, "server DIR/alien is for another machine: mips, and this is " + runtime.GOARCH},
		{"loaderless", nobody, "loader /lib/ld-nowhere.so.1 of DIR/loaderless: No such file or directory; the C library that it was built for is not installed"},
		{"cut", nobody, "server DIR/cut is damaged: "},
	} {
		if ourMachine[runtime.GOARCH] == 0 && strings.HasPrefix(test.name, "loader") {
			continue
		}
		got := strings.ReplaceAll(Program(at(test.name), test.u).String(), dir, "DIR")
		if registered() && (test.name == "alien" || test.name == "junk" || test.name == "text" || test.name == "bom") {
			continue // a format that was registered may match these
		}
		if got != test.want && (test.name != "cut" || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s by %d:\n got %q\nwant %q", test.name, test.u.UID, got, test.want)
		}
	}
}

// TestExecAgrees: what the kernel executes has no finding, and what it refuses
// has one. The kernel is asked as the user of the test.
func TestExecAgrees(t *testing.T) {
	t.Parallel()
	dir := place(t)
	u := User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	for name, text := range map[string]string{
		"shell": "#!/bin/sh\nexit 0\n", "blank": "#! /bin/sh -e\nexit 0\n", "text": "exit 0\n", "empty": "",
		"dos": "#!/bin/sh\r\nexit 0\n", "lost": "#!/nowhere/sh\n", "alien": native(8, ""), "bom": "\xef\xbb\xbf#!/bin/sh\n",
		"onshell": "#!" + filepath.Join(dir, "shell") + "\n",
	} {
		path := write(t, filepath.Join(dir, name), text, 0o755)
		if registered() {
			continue
		}
		_, err := syscall.ForkExec(path, []string{name}, &syscall.ProcAttr{})
		if f := Program(path, u); (err != nil) != (f != Finding{}) {
			t.Errorf("%s: the kernel says %v, the examination %q", name, err, f)
		}
	}
}

func TestMissingLibrary(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/bin/cat")
	if err != nil || !bytes.Contains(text, []byte("\x00libc.so.6\x00")) {
		t.Skip("/bin/cat is not linked with glibc here")
	}
	dir := place(t)
	if f := Program("/bin/cat", nobody); f != (Finding{}) {
		t.Errorf("/bin/cat: %q", f)
	}
	path := write(t, filepath.Join(dir, "cat"), strings.ReplaceAll(string(text), "libc.so.6", "libq.so.6"), 0o755)
	if f := Program(path, nobody); f.Cause != "library libq.so.6 of "+path+" is in none of the loader's directories" {
		t.Errorf("%q", f)
	}
}

func TestNoexec(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	dir := place(t)
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	chmod(t, dir, 0o755)
	path := write(t, filepath.Join(dir, "server"), "#!/bin/sh\n", 0o755)
	if f := Program(path, nobody); f.Cause != "server "+path+" lies on "+dir+", which is mounted noexec" {
		t.Errorf("%q", f)
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(place(t), "server"), "#!/bin/sh\n", 0o755)
	for errno, want := range map[syscall.Errno]string{
		unix.ETXTBSY: "a process has it open for writing; wait until it is copied, or see: fuser -v " + path,
		unix.E2BIG:   "the arguments and the environment are too long; one word may have 128 KiB, all together a quarter of the stack limit",
		unix.EACCES:  "its mode allows it, so a security module or a seccomp filter refuses it; see the audit log or: dmesg",
		unix.ENOMEM:  "",
	} {
		if got := Failed(path, nobody, errno).String(); got != want {
			t.Errorf("%v: %q", errno, got)
		}
	}
	chmod(t, path, 0o644)
	for errno, want := range map[syscall.Errno]string{
		unix.EACCES: "server " + path + " is not executable",
		unix.EAGAIN: "its user has as many processes as it may", // whatever there is at the path
		unix.E2BIG:  "the arguments and the environment are too long",
	} {
		if got := Failed(path, nobody, errno).Cause; got != want {
			t.Errorf("%v: %q", errno, got)
		}
	}
}

// TestDaemonsOwn: what the daemon executes in its own place is not called a server.
func TestDaemonsOwn(t *testing.T) {
	t.Parallel()
	daemon := nobody
	daemon.Daemon = true
	path := write(t, filepath.Join(place(t), "inetd"), "#!/bin/sh\n", 0o700)
	for mode, want := range map[os.FileMode]string{
		0o644: "program " + path + " is not executable",
		0o700: "program " + path + " may not be executed by the user of the daemon: its mode is 0700",
		0o711: "program " + path + " is a script that the user of the daemon may not read",
	} {
		chmod(t, path, mode)
		if got := Program(path, daemon).Cause; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzContents: no bytes make an examination panic, read without end or report
// nothing wrong with an empty file.
func FuzzContents(f *testing.F) {
	f.Add([]byte("#!/bin/sh\n"))
	f.Add([]byte("#!" + strings.Repeat(" ", 300)))
	f.Add([]byte(native(62, "/lib64/ld-linux-x86-64.so.2")))
	f.Add([]byte("\x7fELF"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "server")
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
		if got := Program(path, root); len(text) == 0 && got == (Finding{}) {
			t.Error("an empty file is no program")
		}
	})
}
