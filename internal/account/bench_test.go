package account

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLarge reads 100,000 users and ten groups of all of them, then looks up 5,000
// of them.
func BenchmarkLarge(b *testing.B) {
	var users, members strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&users, "user%d:x:%d:100:User %d,,,:/home/user%d:/bin/bash\n", i, i+1000, i, i)
		fmt.Fprintf(&members, ",user%d", i)
	}
	var group strings.Builder
	for i := range 10 {
		fmt.Fprintf(&group, "group%d:x:%d:%s\n", i, 200+i, members.String()[1:])
	}
	b.SetBytes(int64(users.Len() + group.Len()))
	b.ReportAllocs()
	for b.Loop() {
		db := open(users.String(), group.String())
		for i := range 5000 {
			if c, err := db.Lookup(fmt.Sprint("user", i), ""); err != nil || len(c.Groups) != 11 {
				b.Fatal(c, err)
			}
		}
	}
}
