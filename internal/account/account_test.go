package account

import (
	"os"
	"path/filepath"
	"testing"

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
	}{
		{"daemon", "", 1, 1, []uint32{1, 10}},
		{"nobody", "", 65534, 65534, []uint32{65534}},
		{"alice", "", 1000, 100, []uint32{10, 29, 100, 200}},
		{"bare", "", 1002, 102, []uint32{29, 100, 102}},
		{"1000", "", 1000, 100, []uint32{10, 29, 100, 200}},
		{"1001", "", 1001, 101, []uint32{10, 29, 100, 101, 200}}, // the groups go by name
		{"42", "", 1042, 100, []uint32{100, 300}},
		{"1042", "", 1042, 100, []uint32{100, 300}},

		// A group replaces the primary one, which stays only if it lists the user.
		{"bare", "wheel", 1002, 10, []uint32{10, 29, 100}},
		{"alice", "users", 1000, 100, []uint32{10, 29, 100, 200}},
		{"nobody", "audio", 65534, 29, []uint32{29}},
		{"nobody", "lonely", 65534, 400, []uint32{400}},
		{"nobody", "77", 65534, 77, []uint32{77}},
		{"nobody", "30", 65534, 1030, []uint32{1030}}, // 30 is the name of a group

		// Root keeps its other groups only if none is given.
		{"root", "", 0, 0, []uint32{0, 1, 10}},
		{"root", "audio", 0, 29, []uint32{29}},
		{"toor", "audio", 0, 29, []uint32{29}},
		{"0", "", 0, 0, []uint32{0, 1, 10}},

		// Numbers that nobody has.
		{"5000", "users", 5000, 100, []uint32{100}},
		{"5000", "6000", 5000, 6000, []uint32{6000}},
		{"4294967294", "4294967294", 4294967294, 4294967294, []uint32{4294967294}},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, tt.group)
		if err != nil {
			t.Errorf("Lookup(%q, %q): %v", tt.user, tt.group, err)
			continue
		}
		want := Credentials{UID: tt.uid, GID: tt.gid, Groups: tt.groups}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Lookup(%q, %q) differs (-want +got):\n%s", tt.user, tt.group, diff)
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
		{"rot", "", `unknown user "rot"`}, // never a system account
		{"zaphod", "", `unknown user "zaphod"`},
		{"zaphod", "nogroup", `unknown user "zaphod"`},
		{"", "", `unknown user ""`},
		{"nisuser", "", `unknown user "nisuser"`},
		{"+nisuser", "", `unknown user "+nisuser"`},
		{"short", "", `unknown user "short"`},
		{"negative", "", `unknown user "negative"`},
		{"a\nb", "", `unknown user "a\nb"`},
		{"5000", "", "user id 5000 has no passwd entry, so it needs a group; write 5000:GROUP"},
		{"4294967295", "", "user id 4294967295 is out of range; expected 0 to 4294967294"},
		{"root", "99999999999", "group id 99999999999 is out of range; expected 0 to 4294967294"},
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
