package account

import (
	"iter"
	"strings"
)

// users is a passwd file, indexed.
type users struct {
	list []user
	name map[string]int32 // the first of that name in list
	uid  map[uint32]int32
}

type user struct {
	name     string
	uid, gid uint32
	remote   bool // not from the file
}

// parseUsers reads the text of a passwd file, skipping lines that make no
// sense. The users share its memory.
func parseUsers(text string) *users {
	db := &users{name: map[string]int32{}, uid: map[uint32]int32{}}
	for line := range strings.Lines(text) {
		if u, ok := parseUser(line); ok {
			setFirst(db.name, u.name, int32(len(db.list)))
			setFirst(db.uid, u.uid, int32(len(db.list)))
			db.list = append(db.list, u)
		}
	}
	return db
}

// parseUser reads name:password:uid:gid:gecos:home:shell. The C library takes a
// line with only the first four, and those are all that matters here.
func parseUser(line string) (user, bool) {
	var f [5]string
	n := split(line, f[:])
	uid, ok := parseID(f[2])
	gid, ok2 := parseID(f[3])
	if n < 4 || !ok || !ok2 || !isName(f[0]) {
		return user{}, false
	}
	return user{name: f[0], uid: uid, gid: gid}, true
}

func (db *users) named(name string) (user, bool) {
	i, ok := db.name[name]
	if !ok {
		return user{}, false
	}
	return db.list[i], true
}

func (db *users) has(name string) bool {
	_, ok := db.name[name]
	return ok
}

func (db *users) numbered(uid uint32) (user, bool) {
	i, ok := db.uid[uid]
	if !ok {
		return user{}, false
	}
	return db.list[i], true
}

// firstUser is the lowest id of a user who is not a system account.
const firstUser = 1000

// names yields the users to suggest for an unknown name. System accounts are left out, so
// that nobody is led to run a server as one.
func (db *users) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, u := range db.list {
			if u.uid >= firstUser && !yield(u.name) {
				return
			}
		}
	}
}

func setFirst[K comparable](index map[K]int32, key K, i int32) {
	if _, taken := index[key]; !taken {
		index[key] = i
	}
}
