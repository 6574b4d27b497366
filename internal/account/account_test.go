package account

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
# comment:x:1:1::/:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
toor:x:0:0:the other root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
alice:x:1000:100:Alice, room 1:/home/alice:/bin/zsh
alice:x:1001:101:again:/home/again:/bin/false
  bare:x:1002:102` + "\r" + `
42:x:1042:100:a number for a name:/home/42:/bin/sh
+nisuser:x:1:1:::
+@netgroup
-bad:x:1:1:::
+
short:x:7
nouid:x::7::/:
negative:*:-2:-2:nobody of NeXT:/:
none:x:4294967295:1::/:/bin/sh
:x:8:8::/:/bin/sh
`

const group = `root:x:0:
daemon:x:1:toor,root
users:x:100:alice,bare
audio:x:29:bob,alice, bare ,alice
users:x:200:alice
wheel:*:10:root,daemon,,alice` + "\r" + `
ids:x:300:42
30:x:1030:
lonely:x:400
+:::alice
+extra:x:500:alice
bad:x:many:alice
worse:x
`

// write puts both files into a directory of the test and opens them.
func write(t *testing.T, passwd, group string, getent Getent) *DB {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"passwd": passwd, "group": group} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(filepath.Join(dir, "passwd"), filepath.Join(dir, "group"), getent)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestLookup(t *testing.T) {
	t.Parallel()
	db := write(t, passwd, group, nil)
	tests := []struct {
		user, group string
		uid, gid    uint32
		groups      []uint32
		name        string
	}{
		{"daemon", "", 1, 1, []uint32{1, 10}, "daemon"},
		{"nobody", "", 65534, 65534, []uint32{65534}, "nobody"},
		{"alice", "", 1000, 100, []uint32{10, 29, 100, 200}, "alice"},
		{"bare", "", 1002, 102, []uint32{29, 100, 102}, "bare"},
		{"1000", "", 1000, 100, []uint32{10, 29, 100, 200}, "alice"},
		{"1001", "", 1001, 101, []uint32{10, 29, 100, 101, 200}, "alice"}, // the groups go by name
		{"42", "", 1042, 100, []uint32{100, 300}, "42"},
		{"1042", "", 1042, 100, []uint32{100, 300}, "42"},

		// A group replaces the primary one, which stays only if it lists the user.
		{"bare", "wheel", 1002, 10, []uint32{10, 29, 100}, "bare"},
		{"alice", "users", 1000, 100, []uint32{10, 29, 100, 200}, "alice"},
		{"nobody", "audio", 65534, 29, []uint32{29}, "nobody"},
		{"nobody", "lonely", 65534, 400, []uint32{400}, "nobody"},
		{"nobody", "77", 65534, 77, []uint32{77}, "nobody"},
		{"nobody", "30", 65534, 1030, []uint32{1030}, "nobody"}, // the name of a group

		// Root keeps its other groups only if none is given.
		{"root", "", 0, 0, []uint32{0, 1, 10}, "root"},
		{"root", "audio", 0, 29, []uint32{29}, "root"},
		{"toor", "audio", 0, 29, []uint32{29}, "toor"},
		{"0", "", 0, 0, []uint32{0, 1, 10}, "root"},

		// Numbers that nobody has.
		{"5000", "users", 5000, 100, []uint32{100}, ""},
		{"5000", "6000", 5000, 6000, []uint32{6000}, ""},
		{"4294967294", "4294967294", 4294967294, 4294967294, []uint32{4294967294}, ""},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, tt.group)
		if err != nil {
			t.Errorf("Lookup(%q, %q): %v", tt.user, tt.group, err)
			continue
		}
		got.Home, got.Shell = "", ""
		want := Credentials{UID: tt.uid, GID: tt.gid, Groups: tt.groups, Name: tt.name}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Lookup(%q, %q) differs (-want +got):\n%s", tt.user, tt.group, diff)
		}
	}
}

func TestLookupHome(t *testing.T) {
	t.Parallel()
	db := write(t, passwd, group, nil)
	tests := []struct{ user, home, shell string }{
		{"alice", "/home/alice", "/bin/zsh"},
		{"bare", "", ""},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, "")
		if err != nil || got.Home != tt.home || got.Shell != tt.shell {
			t.Errorf("Lookup(%q) = home %q, shell %q, %v, want %q, %q", tt.user, got.Home, got.Shell, err, tt.home, tt.shell)
		}
	}
}

func TestLookupErrors(t *testing.T) {
	t.Parallel()
	db := write(t, passwd, group, nil)
	tests := []struct{ user, group, want string }{
		{"nobdy", "", `unknown user "nobdy"; did you mean "nobody"?`},
		{"Alice", "", `unknown user "Alice"; did you mean "alice"?`},
		{"nobody", "weel", `unknown group "weel"; did you mean "wheel"?`},
		{"zaphod", "", `unknown user "zaphod"`},
		{"zaphod", "nogroup", `unknown user "zaphod"`},
		{"", "", `unknown user ""`},
		{"nisuser", "", `unknown user "nisuser"`},
		{"+nisuser", "", `unknown user "+nisuser"`},
		{"short", "", `unknown user "short"`},
		{"negative", "", `unknown user "negative"`},
		{"a\nb", "", `unknown user "a\nb"`},
		{"5000", "", "user id 5000 has no passwd entry, so it needs a group: 5000:GROUP"},
		{"4294967295", "", "user id 4294967295 is out of range: 0 to 4294967294"},
		{"root", "99999999999", "group id 99999999999 is out of range: 0 to 4294967294"},
		{"-5000", "", `unknown user "-5000"`},
		{"root", "extra", `unknown group "extra"`},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, tt.group)
		if err == nil || err.Error() != tt.want {
			t.Errorf("Lookup(%q, %q) = %v, want %s", tt.user, tt.group, err, tt.want)
		}
		if diff := cmp.Diff(Credentials{}, got); diff != "" {
			t.Errorf("Lookup(%q, %q) gives credentials with an error:\n%s", tt.user, tt.group, diff)
		}
	}
}

// directory answers as getent does, and counts.
type directory struct {
	lines map[string]string // "database key" to line
	err   error
	asked []string
}

func (d *directory) getent(database, key string) (string, bool, error) {
	q := database + " " + key
	d.asked = append(d.asked, q)
	line, found := d.lines[q]
	return line, found, d.err
}

func TestGetent(t *testing.T) {
	t.Parallel()
	d := &directory{lines: map[string]string{
		"passwd carol":            "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"passwd 2000":             "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"passwd CORP\\two 7":      "CORP\\two 7:*:2007:2001::/:",
		"passwd fake":             "+fake:*:1:1::/:",
		"initgroups carol":        "carol                 3000 27",
		"initgroups CORP\\two 7":  "CORP\\two 7            3000",
		"group staff":             "staff:*:3000:carol",
		"group odd":               "odd",
		"passwd root":             "root:*:1:1::/:",
		"initgroups alice":        "alice 12345",
		"passwd --service=corp":   "x:*:9:9::/:",
		"passwd alice:x:0:0::/:/": "x:*:9:9::/:",
	}}
	db := write(t, passwd, group, d.getent)
	tests := []struct {
		user, group string
		want        Credentials // the zero one: an error
	}{
		{"carol", "", Credentials{2000, 2001, []uint32{27, 2001, 3000}, "carol", "/home/carol", "/bin/sh"}},
		{"2000", "", Credentials{2000, 2001, []uint32{27, 2001, 3000}, "carol", "/home/carol", "/bin/sh"}},
		{"carol", "staff", Credentials{2000, 3000, []uint32{27, 3000}, "carol", "/home/carol", "/bin/sh"}},
		{"CORP\\two 7", "", Credentials{2007, 2001, []uint32{2001, 3000}, "CORP\\two 7", "/", ""}},
		{"nobody", "staff", Credentials{65534, 3000, []uint32{3000}, "nobody", "/nonexistent", "/usr/sbin/nologin"}},
		{"2002", "staff", Credentials{2002, 3000, []uint32{3000}, "", "", ""}},
		{"root", "", Credentials{0, 0, []uint32{0, 1, 10}, "root", "/root", "/bin/bash"}}, // files first
		{"alice", "", Credentials{1000, 100, []uint32{10, 29, 100, 200}, "alice", "/home/alice", "/bin/zsh"}},
		{"dave", "", Credentials{}},
		{"nobody", "odd", Credentials{}},
		{"fake", "", Credentials{}},
		{"--service=corp", "", Credentials{}},
		{"alice:x:0:0::/:/", "", Credentials{}},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, tt.group)
		if (err == nil) != (tt.want.Groups != nil) {
			t.Errorf("Lookup(%q, %q): %v", tt.user, tt.group, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Lookup(%q, %q) differs (-want +got):\n%s", tt.user, tt.group, diff)
		}
	}
	for _, q := range d.asked {
		if strings.ContainsAny(q, ":-") {
			t.Errorf("getent was asked %q", q)
		}
	}
}

func TestGetentFails(t *testing.T) {
	t.Parallel()
	d := &directory{err: errors.New("timed out")}
	db := write(t, passwd, group, d.getent)
	tests := []struct{ user, group, want string }{
		{"nobdy", "", `unknown user "nobdy" (getent passwd: timed out); did you mean "nobody"?`},
		{"nobody", "nogroup", `unknown group "nogroup" (getent group: timed out)`},
		{"nobody", "", ""},
		{"5000", "6000", ""}, // numbers need nobody
	}
	for _, tt := range tests {
		_, err := db.Lookup(tt.user, tt.group)
		if got := fmt.Sprint(err); err != nil && got != tt.want || err == nil && tt.want != "" {
			t.Errorf("Lookup(%q, %q) = %v, want %s", tt.user, tt.group, err, tt.want)
		}
		if tt.want != "" && !errors.Is(err, d.err) {
			t.Errorf("Lookup(%q, %q) does not wrap the error of getent", tt.user, tt.group)
		}
	}
}

// TestGetentGroupsFail: a server must not run with fewer groups than its user has.
func TestGetentGroupsFail(t *testing.T) {
	t.Parallel()
	db := write(t, passwd, group, func(database, key string) (string, bool, error) {
		if database == "passwd" {
			return "carol:*:2000:2001:::", true, nil
		}
		return "", false, errors.New("timed out")
	})
	want := `groups of user "carol": getent initgroups: timed out`
	if _, err := db.Lookup("carol", ""); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	d := &directory{lines: map[string]string{
		"passwd carol":     "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"initgroups carol": "carol 3000",
	}}
	db := write(t, passwd, group, d.getent)
	for range 5000 {
		db.Lookup("carol", "")
		db.Lookup("dave", "")
	}
	want := []string{"passwd carol", "initgroups carol", "passwd dave"}
	if diff := cmp.Diff(want, d.asked); diff != "" {
		t.Errorf("questions differ (-want +got):\n%s", diff)
	}
}

func TestOpenMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := Open(filepath.Join(dir, "passwd"), filepath.Join(dir, "group"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Lookup("root", ""); err == nil {
		t.Error("root is known without a file")
	}
	if c, err := db.Lookup("0", "0"); err != nil || c.UID != 0 || c.GID != 0 {
		t.Errorf("numbers: %+v, %v", c, err)
	}
}

func TestOpenUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ok := filepath.Join(dir, "ok")
	if err := os.WriteFile(ok, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][2]string{{dir, ok}, {ok, dir}, {ok + "/below", ok}} {
		bad := paths[0]
		if bad == ok {
			bad = paths[1]
		}
		if _, err := Open(paths[0], paths[1], nil); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("Open%q = %v, want an error that names %s", paths, err, bad)
		}
	}
}

func TestOpenForbidden(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	path := filepath.Join(t.TempDir(), "group")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(os.DevNull, path, nil); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want permission denied with the path", err)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		want   bool
		change func(path string) error
	}{
		{"nothing", false, func(string) error { return nil }},
		{"grown", true, func(p string) error { return os.WriteFile(p, []byte(passwd+"new:x:9:9:::\n"), 0o644) }},
		{"touched", true, func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) }},
		{"gone", true, os.Remove},
		{"replaced", true, replace},
		{"replaced by a link to itself", false, func(p string) error {
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}},
		{"chmod", false, func(p string) error { return os.Chmod(p, 0o600) }},
	}
	for _, tt := range tests {
		for _, forget := range []bool{false, true} {
			db := write(t, passwd, group, nil)
			if forget {
				db.Forget()
			}
			for _, f := range []file{db.passwd, db.group} {
				if db.Changed() != (tt.want && f == db.group) {
					t.Errorf("%s: before %s: changed is %v", tt.name, filepath.Base(f.path), db.Changed())
				}
				if err := tt.change(f.path); err != nil {
					t.Fatal(err)
				}
			}
			if db.Changed() != tt.want {
				t.Errorf("%s: changed is %v", tt.name, db.Changed())
			}
		}
	}
}

// replace renames an equal file, with the same times, over path.
func replace(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(path+".new", text, 0o644),
		os.Chtimes(path+".new", info.ModTime(), info.ModTime()),
		os.Rename(path+".new", path))
}

func TestChangedFromMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	db, err := Open(path, os.DevNull, nil)
	if err != nil {
		t.Fatal(err)
	}
	if db.Changed() {
		t.Error("a file that stays away has changed")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !db.Changed() {
		t.Error("a file that came up has not changed")
	}
}

// TestMemory: after Forget, what was looked up must not hold the text of the
// whole file. It is not parallel, so the heap is its own.
func TestMemory(t *testing.T) {
	big := strings.Repeat("x", 16<<20)
	db := write(t, "alice:x:1000:100:"+big+":/home/alice:/bin/zsh\n", "users:x:100:alice,"+big+"\n", nil)
	got, err := db.Lookup("alice", "")
	if err != nil {
		t.Fatal(err)
	}
	full := heap()
	db.Forget()
	if freed := full - heap(); freed < 2*int64(len(big)) {
		t.Errorf("only %d bytes of two texts of %d were freed", freed, len(big))
	}
	runtime.KeepAlive(got)
	runtime.KeepAlive(db)
	runtime.KeepAlive(big)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestID compares with id(1) for every user of this machine.
func TestID(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("id"); err != nil {
		t.Skip(err)
	}
	nss, _ := os.ReadFile("/etc/nsswitch.conf")
	if m := regexp.MustCompile(`(?m)^(initgroups|group):.*\b(ldap|sss|nis|nisplus|winbind|db)\b`).Find(nss); m != nil {
		t.Skipf("groups come from elsewhere: %s", m)
	}
	db, err := Open("/etc/passwd", "/etc/group", nil)
	if err != nil {
		t.Skip(err)
	}
	for name := range db.users.names() {
		got, err := db.Lookup(name, "")
		if err != nil {
			t.Errorf("Lookup(%q): %v", name, err)
			continue
		}
		want := Credentials{UID: id(t, "-u", name)[0], GID: id(t, "-g", name)[0], Groups: id(t, "-G", name)}
		slices.Sort(want.Groups)
		got.Name, got.Home, got.Shell = "", "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs from id(1) (-id +got):\n%s", name, diff)
		}
	}
}

func id(t *testing.T, option, name string) []uint32 {
	t.Helper()
	out, err := exec.Command("id", option, name).Output()
	if err != nil {
		t.Fatalf("id %s %s: %v", option, name, err)
	}
	var ids []uint32
	for word := range bytes.FieldsSeq(out) {
		n, err := strconv.ParseUint(string(word), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, uint32(n))
	}
	return ids
}

// TestInitgroups lets the kernel judge that the lists can be set, as root.
func TestInitgroups(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may set groups")
	}
	db := write(t, passwd, group, nil)
	c, err := db.Lookup("alice", "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("id", "-G")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}}
	out, err := cmd.Output()
	if err != nil {
		t.Skip(err)
	}
	if got := strings.TrimSpace(string(out)); got != "100 10 29 200" {
		t.Errorf("a process of alice has groups %s", got)
	}
}
