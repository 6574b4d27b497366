package account

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// open returns what Open makes of two texts.
func open(passwd, group string) *DB {
	return &DB{users: parseUsers(passwd), groups: parseGroups(group), answers: map[question]answer{}}
}

// entries returns the lines of a file as colon-separated fields, the slow way.
func entries(text string, fields int) [][]string {
	var list [][]string
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.SplitN(strings.Trim(line, blanks), ":", fields)
		if len(f) < 3 || f[0] == "" || strings.ContainsAny(f[0][:1], "#+-") {
			continue
		}
		list = append(list, f)
	}
	return list
}

func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return uint32(n), err == nil && n < 1<<32-1
}

func FuzzPasswd(f *testing.F) {
	f.Add(passwd, "alice")
	f.Add("a:b:1:2:c:d:e:f\n\xff::0:0\r\n", "\xff")
	f.Add("+:::::\nx:x:1:99999999999\nx:x:1:1", "x")
	f.Fuzz(func(t *testing.T, text, name string) {
		var want *[2]uint32
		for _, e := range entries(text, 7) {
			if len(e) < 4 || e[0] != name {
				continue
			}
			uid, ok := number(e[2])
			gid, ok2 := number(e[3])
			if ok && ok2 {
				want = &[2]uint32{uid, gid}
				break
			}
		}
		db := open(text, "")
		u, found := db.users.named(name)
		if found != (want != nil) || found && (u.uid != want[0] || u.gid != want[1] || u.name != name) {
			t.Fatalf("%q is %+v, %v, want %v", name, u, found, want)
		}
		for n := range db.users.names() {
			c, err := db.Lookup(n, "")
			if err != nil || !slices.Equal(c.Groups, []uint32{c.GID}) {
				t.Errorf("Lookup(%q) = %+v, %v", n, c, err)
			}
		}
		if c, err := db.Lookup(name, "5"); err == nil && (c.GID != 5 || !slices.Contains(c.Groups, 5)) {
			t.Errorf("Lookup(%q, 5) = %+v", name, c)
		}
	})
}

func FuzzGroup(f *testing.F) {
	f.Add(group, "alice")
	f.Add("g:x:1:a,b,,a\ng:x:2: a\r\nh::3", "a")
	f.Add("+g:x:1:a\ng:x:-1:a\n:x:1:a\n#:x:1:a", "g")
	f.Fuzz(func(t *testing.T, text, name string) {
		if !isName(name) || strings.ContainsAny(name, ":\n,") || strings.Trim(name, blanks) != name {
			t.Skip("no name")
		}
		want := []uint32{7}
		first, exists := uint32(0), false
		for _, e := range entries(text, 4) {
			gid, ok := number(e[2])
			if !ok {
				continue
			}
			if e[0] == name && !exists {
				first, exists = gid, true
			}
			for _, m := range strings.Split(strings.Join(e[3:], ""), ",") {
				if strings.Trim(m, blanks) == name && !slices.Contains(want, gid) {
					want = append(want, gid)
				}
			}
		}
		slices.Sort(want)
		db := open(name+":x:6:7:::", text)
		c, err := db.Lookup(name, "")
		if err != nil || !slices.Equal(c.Groups, want) {
			t.Errorf("groups of %q are %v, %v, want %v", name, c.Groups, err, want)
		}
		if gid, ok := db.groups.named(name); ok != exists || gid != first {
			t.Errorf("group %q is %d, %v, want %d, %v", name, gid, ok, first, exists)
		}
	})
}
