package plan

import (
	"path/filepath"
	"slices"
	"testing"

	"inetd/internal/account"
	"inetd/internal/conf"
)

// accounts has root, ann (user 1000, groups 1000 and 27) and bob (1001).
func accounts(t *testing.T) *account.DB {
	t.Helper()
	dir := t.TempDir()
	db, err := account.Open(
		write(t, filepath.Join(dir, "passwd"), "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n"),
		write(t, filepath.Join(dir, "group"), "root:x:0:\nann:x:1000:\nsudo:x:27:ann\nbob:x:1001:\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestUserWithDot: "user.group" is one user if there is a user of that name.
func TestUserWithDot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := account.Open(
		write(t, filepath.Join(dir, "passwd"), "ann:x:1000:1000::/:/bin/sh\nann.sudo:x:1002:1002::/:/bin/sh\n"),
		write(t, filepath.Join(dir, "group"), "ann:x:1000:\nsudo:x:27:ann\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &loader{plan: Plan{Accounts: db}}
	for column, want := range map[string]User{
		"ann.sudo": {Name: "ann.sudo"},
		"ann:sudo": {"ann", "sudo"},
		"ann.ann":  {"ann", "ann"},
	} {
		entries, problems := conf.Parse("f", []byte("echo stream tcp nowait "+column+" internal\n"), nil)
		if len(entries) != 1 {
			t.Fatal(problems)
		}
		if l.wholeUser(&entries[0]); (User{entries[0].User, entries[0].Group}) != want {
			t.Errorf("%s is %q and %q", column, entries[0].User, entries[0].Group)
		}
	}
}

// TestIdentity: a daemon of root's can start servers as anybody, and changes nothing for
// root itself; any other daemon can start them only as its own user.
func TestIdentity(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	root, bare, ann := &Host{}, &Host{Groups: []int{4}}, &Host{UID: 1000, GID: 1000}
	for _, tt := range []struct {
		name string
		host *Host
		user User
		want *Identity
		err  string
	}{
		{"the daemon's own", ann, User{}, nil, ""},
		{"root becomes a user", root, User{Name: "ann"}, &Identity{1000, 1000, []uint32{27, 1000}}, ""},
		{"root becomes a user of another group", root, User{"ann", "sudo"}, &Identity{1000, 27, []uint32{27}}, ""},
		{"root becomes a user with root's groups", root, User{"bob", "root"}, &Identity{1001, 0, []uint32{0}}, ""},
		{"root stays root", root, User{Name: "root"}, nil, ""},
		{"root drops a group", bare, User{Name: "root"}, &Identity{0, 0, []uint32{0}}, ""},
		{"a user stays himself", ann, User{Name: "ann"}, nil, ""},
		{"a user stays in his group", ann, User{"ann", "ann"}, nil, ""},
		{"a user cannot become another", ann, User{Name: "bob"}, nil,
			`this daemon runs as uid 1000 and cannot become "bob"; write - for the daemon's own user`},
		{"a user cannot become root", ann, User{Name: "root"}, nil,
			`this daemon runs as uid 1000 and cannot become "root"; write - for the daemon's own user`},
		{"a user cannot change his group", ann, User{"ann", "sudo"}, nil,
			`this daemon runs as uid 1000 and cannot become "ann:sudo"; write - for the daemon's own user`},
	} {
		got, err := tt.host.Identity(db, tt.user)
		text := ""
		if err != nil {
			text = err.Error()
		}
		same := (got == nil) == (tt.want == nil) && (got == nil || got.UID == tt.want.UID && got.GID == tt.want.GID && slices.Equal(got.Groups, tt.want.Groups))
		if !same || text != tt.err {
			t.Errorf("%s: %+v %q, want %+v %q", tt.name, got, text, tt.want, tt.err)
		}
	}
}
