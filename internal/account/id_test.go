package account

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
