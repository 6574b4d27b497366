// Package account turns the names of a user and a group into the identity of
// a process. In go the passwd and group files, two names, and a way to ask
// getent(1) for what the files do not hold; out come a user id, a group id and
// the full list of groups, or an error that says which name is unknown and
// what was probably meant.
package account

import (
	"fmt"
	"strings"
)

// Credentials are what a process of a user is given.
type Credentials struct {
	UID, GID uint32
	Groups   []uint32 // sorted, with GID; equal answers share it, so it must not be changed

	// Name, Home and Shell are empty for a number without a passwd entry.
	Name, Home, Shell string
}

// DB answers from one reading of the passwd and group files. It is not safe
// for use by several goroutines at once.
type DB struct {
	passwd, group file
	users         *users
	groups        *groups
	getent        Getent
	answers       map[question]answer
}

type question struct{ user, group string }

type answer struct {
	Credentials
	err error
}

// Open reads both files. One that is missing counts as empty; one that cannot
// be read is an error with its path. A nil getent leaves it at the files.
func Open(passwd, group string, getent Getent) (*DB, error) {
	db := &DB{
		passwd:  file{path: passwd},
		group:   file{path: group},
		getent:  getent,
		answers: map[question]answer{},
	}
	text, err := db.passwd.read()
	if err != nil {
		return nil, err
	}
	db.users = parseUsers(text)
	text, err = db.group.read()
	if err != nil {
		return nil, err
	}
	db.groups = parseGroups(text)
	return db, nil
}

// Changed reports whether the files on disk are no longer those that were
// read, by their status alone.
func (db *DB) Changed() bool {
	return db.passwd.changed() || db.group.changed()
}

// Forget drops what was read, so that large files cost no memory until the
// next Open. Lookup must not be called any more; Changed goes on working.
func (db *DB) Forget() {
	*db = DB{passwd: db.passwd, group: db.group}
}

// Lookup finds a user and, unless it is "", a group, each by name or number. A
// number that is no name is taken as the id.
//
// The groups are those that initgroups(3) sets: the given group or else the
// user's own, and all that list the user as a member. With uid 0 a given group
// is the only one, as in Debian's openbsd-inetd.
//
// Equal questions are worked out once.
func (db *DB) Lookup(user, group string) (Credentials, error) {
	q := question{user, group}
	a, known := db.answers[q]
	if !known {
		a.Credentials, a.err = db.lookup(user, group)
		db.answers[q] = a
	}
	return a.Credentials, a.err
}

func (db *DB) lookup(name, group string) (Credentials, error) {
	u, err := db.user(name)
	if err != nil {
		return Credentials{}, err
	}
	if group == "" && u.name == "" {
		return Credentials{}, fmt.Errorf("user id %d has no passwd entry, so it needs a group: %d:GROUP", u.uid, u.uid)
	}
	member := group == "" || u.uid != 0
	if group != "" {
		if u.gid, err = db.gid(group); err != nil {
			return Credentials{}, err
		}
	}
	return db.credentials(u, member)
}

// credentials fills in the groups: all of them if the user is to be a member
// of those that list it. It copies the strings, which lie in the text of the
// whole file.
func (db *DB) credentials(u user, member bool) (Credentials, error) {
	c := Credentials{
		UID:    u.uid,
		GID:    u.gid,
		Groups: []uint32{u.gid},
		Name:   strings.Clone(u.name),
		Home:   strings.Clone(u.home),
		Shell:  strings.Clone(u.shell),
	}
	if !member || u.name == "" {
		return c, nil
	}
	others, err := db.memberships(u)
	if err != nil {
		return Credentials{}, err
	}
	c.Groups = union(c.Groups, others)
	return c, nil
}
