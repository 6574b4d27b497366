package account

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// maxID is the largest user or group id: -1 means "no change" to the kernel.
const maxID uint32 = 1<<32 - 2

func parseID(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && uint32(n) <= maxID
}

// user finds a user in the file, then through getent, which takes numbers too.
// A number that neither knows is a user without a name.
func (db *DB) user(name string) (user, error) {
	if u, ok := db.users.named(name); ok {
		return u, nil
	}
	id, numeric := parseID(name)
	if u, ok := db.users.numbered(id); ok && numeric {
		return u, nil
	}
	u, ok, err := db.askUser(name)
	if ok {
		return u, nil
	}
	if numeric { // even if getent could not be asked
		return user{uid: id}, nil
	}
	return user{}, unknown("user", name, db.passwd, db.users.names(), err)
}

func (db *DB) gid(name string) (uint32, error) {
	if gid, ok := db.groups.named(name); ok {
		return gid, nil
	}
	if id, numeric := parseID(name); numeric {
		return id, nil
	}
	gid, ok, err := db.askGroup(name)
	if ok {
		return gid, nil
	}
	return 0, unknown("group", name, db.group, db.groups.names(), err)
}

// memberships returns the groups that list a user. A user of the passwd file is looked up
// in the group file only, and any other by getent only.
func (db *DB) memberships(u user) ([]uint32, error) {
	if u.remote {
		return db.askMemberships(u.name)
	}
	return db.groups.listing(u.name), nil
}

// union returns a sorted list without duplicates.
func union(a, b []uint32) []uint32 {
	ids := slices.Concat(a, b)
	slices.Sort(ids)
	return slices.Clip(slices.Compact(ids))
}

// unknown returns the error that a name is unknown: what stood in the way of finding it,
// and which name was probably meant.
func unknown(kind, name string, f file, known iter.Seq[string], asked error) error {
	if name != "" && strings.Trim(name, "0123456789") == "" {
		return &Error{Text: fmt.Sprintf("%s id %s is out of range", kind, name), Hint: fmt.Sprintf("expected 0 to %d", maxID)}
	}
	e := &Error{Text: fmt.Sprintf("unknown %s %q", kind, name), Err: asked, Unknown: true}
	switch {
	case asked != nil:
		e.Text += fmt.Sprintf(" (%v)", asked)
	case f.seen == (status{}):
		e.Text += fmt.Sprintf(" (there is no %s)", f.path)
	}
	if near := nearest.Name(name, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}
