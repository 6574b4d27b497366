package account

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// groups is a group file, indexed by member: what matters is who is listed where, and a
// machine may have a million memberships.
type groups struct {
	gid         map[string]uint32 // of the first group of that name
	last        map[string]int32  // the last of a user's memberships
	memberships []membership
}

// membership is a link in the chain of one user's memberships.
type membership struct {
	gid      uint32
	previous int32 // -1: none
}

// parseGroups reads the text of a group file, skipping lines that make no
// sense. The names share its memory.
func parseGroups(text string) *groups {
	db := &groups{gid: map[string]uint32{}, last: map[string]int32{}}
	for line := range strings.Lines(text) {
		name, gid, members, ok := parseGroup(line)
		if !ok {
			continue
		}
		if _, taken := db.gid[name]; !taken {
			db.gid[name] = gid
		}
		for member := range strings.SplitSeq(members, ",") {
			db.add(strings.Trim(member, blanks), gid)
		}
	}
	return db
}

// parseGroup reads name:password:gid:member,member.
func parseGroup(line string) (name string, gid uint32, members string, ok bool) {
	var f [4]string
	n := split(line, f[:])
	gid, ok = parseID(f[2])
	return f[0], gid, f[3], ok && n >= 3 && isName(f[0])
}

func (db *groups) add(member string, gid uint32) {
	if member == "" {
		return
	}
	previous, ok := db.last[member]
	if !ok {
		previous = -1
	}
	db.last[member] = int32(len(db.memberships))
	db.memberships = append(db.memberships, membership{gid, previous})
}

func (db *groups) named(name string) (gid uint32, ok bool) {
	gid, ok = db.gid[name]
	return gid, ok
}

func (db *groups) has(name string) bool {
	_, ok := db.gid[name]
	return ok
}

// listing returns the groups that list a user as a member.
func (db *groups) listing(user string) []uint32 {
	i, ok := db.last[user]
	if !ok {
		return nil
	}
	var gids []uint32
	for ; i >= 0; i = db.memberships[i].previous {
		gids = append(gids, db.memberships[i].gid)
	}
	return gids
}

func (db *groups) names() iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(db.gid)))
}
