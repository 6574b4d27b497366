// Package account turns the names of a user and a group into the identity of
// a process. In go the passwd and group files, two names, and a way to ask
// getent(1) for what the files do not hold; out come a user id, a group id and
// the full list of groups, or an error that says which name is unknown and
// what was probably meant.
package account

import "fmt"

// Credentials are what a process of a user is given.
type Credentials struct {
	UID, GID uint32
	Groups   []uint32 // sorted, GID included; equal answers share it, so it must not be changed
}

// Error says why a name cannot be used, and what to do about it.
type Error struct {
	Text string
	Hint string // may be empty
	Err  error  // why getent could not be asked; nil: it was asked, or need not be

	Unknown bool // the name is not known, at least not now
}

// Error returns the text, "; " and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + "; " + e.Hint
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

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

// Open reads both files. One that is missing counts as empty; one that cannot be read is
// an error with its path. With a nil getent only the files answer.
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
// An error is an *Error. Equal questions are worked out once.
func (db *DB) Lookup(user, group string) (Credentials, error) {
	q := question{user, group}
	a, known := db.answers[q]
	if !known {
		a.Credentials, a.err = db.lookup(user, group)
		db.answers[q] = a
	}
	return a.Credentials, a.err
}

// Dotted reports whether what was read as user.group is the name of a user: one of the
// passwd file, or one that getent knows. Getent is not asked if the files know both the
// user and the group, as they do in nearly every configuration.
func (db *DB) Dotted(user, group string) bool {
	whole := user + "." + group
	if _, ok := db.users.named(whole); ok {
		return true
	}
	if db.knows(user, db.users.has) && db.knows(group, db.groups.has) {
		return false
	}
	_, err := db.Lookup(whole, "")
	return err == nil
}

// knows reports whether a file has a name, or the name is a number.
func (db *DB) knows(name string, has func(name string) bool) bool {
	_, numeric := parseID(name)
	return numeric || has(name)
}

func (db *DB) lookup(name, group string) (Credentials, error) {
	u, err := db.user(name)
	if err != nil {
		return Credentials{}, err
	}
	if group == "" && u.name == "" {
		return Credentials{}, &Error{
			Text: fmt.Sprintf("user id %d has no passwd entry, so it needs a group", u.uid), Hint: fmt.Sprintf("write %d:GROUP", u.uid)}
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
// of those that list it.
func (db *DB) credentials(u user, member bool) (Credentials, error) {
	c := Credentials{UID: u.uid, GID: u.gid, Groups: []uint32{u.gid}}
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
