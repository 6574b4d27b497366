package account

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directory answers as getent does, and records what was asked.
type directory struct {
	lines map[string]string // "database key" to line
	err   error
	asked []string
}

func (d *directory) getent(database, key string) (string, bool, error) {
	q := database + " " + key
	d.asked = append(d.asked, q)
	line, found := d.lines[q]
	return line, found, d.err
}

func TestGetent(t *testing.T) {
	t.Parallel()
	d := &directory{lines: map[string]string{
		"passwd carol":            "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"passwd 2000":             "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"passwd CORP\\two 7":      "CORP\\two 7:*:2007:2001::/:",
		"passwd fake":             "+fake:*:1:1::/:",
		"initgroups carol":        "carol                 3000 27",
		"initgroups CORP\\two 7":  "CORP\\two 7            3000",
		"group staff":             "staff:*:3000:carol",
		"group odd":               "odd",
		"passwd root":             "root:*:1:1::/:",
		"initgroups alice":        "alice 12345",
		"passwd --service=corp":   "x:*:9:9::/:",
		"passwd alice:x:0:0::/:/": "x:*:9:9::/:",
	}}
	db := write(t, passwd, group, d.getent)
	tests := []struct {
		user, group string
		want        Credentials // the zero one: an error
	}{
		{"carol", "", Credentials{2000, 2001, []uint32{27, 2001, 3000}}},
		{"2000", "", Credentials{2000, 2001, []uint32{27, 2001, 3000}}},
		{"carol", "staff", Credentials{2000, 3000, []uint32{27, 3000}}},
		{"CORP\\two 7", "", Credentials{2007, 2001, []uint32{2001, 3000}}},
		{"nobody", "staff", Credentials{65534, 3000, []uint32{3000}}},
		{"2002", "staff", Credentials{2002, 3000, []uint32{3000}}},
		{"root", "", Credentials{0, 0, []uint32{0, 1, 10}}}, // files first
		{"alice", "", Credentials{1000, 100, []uint32{10, 29, 100, 200}}},
		{"dave", "", Credentials{}},
		{"nobody", "odd", Credentials{}},
		{"fake", "", Credentials{}},
		{"--service=corp", "", Credentials{}},
		{"alice:x:0:0::/:/", "", Credentials{}},
	}
	for _, tt := range tests {
		got, err := db.Lookup(tt.user, tt.group)
		if (err == nil) != (tt.want.Groups != nil) {
			t.Errorf("Lookup(%q, %q): %v", tt.user, tt.group, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Lookup(%q, %q) differs (-want +got):\n%s", tt.user, tt.group, diff)
		}
	}
	for _, q := range d.asked {
		if strings.ContainsAny(q, ":-") {
			t.Errorf("getent was asked %q", q)
		}
	}
}

// TestDotted: a user whose name has a dot is that user, if there is one, and getent is
// not asked about user.group where the files know both.
func TestDotted(t *testing.T) {
	t.Parallel()
	d := &directory{lines: map[string]string{"passwd far.away": "far.away:*:3000:100::/:/bin/sh"}}
	db := write(t, passwd+"john.doe:x:1500:100:::\nalice.users:x:1501:100:::\n", group, d.getent)
	tests := []struct {
		user, group string
		want        bool
	}{
		{"john", "doe", true},
		{"alice", "users", true},
		{"alice", "audio", false},
		{"far", "away", true},
		{"far", "users", false},
		{"0", "0", false},
	}
	for _, tt := range tests {
		for range 2 {
			if got := db.Dotted(tt.user, tt.group); got != tt.want {
				t.Errorf("Dotted(%q, %q) is %v", tt.user, tt.group, got)
			}
		}
	}
	if want := []string{"passwd far.away", "initgroups far.away", "passwd far.users"}; !slices.Equal(d.asked, want) {
		t.Errorf("asked %q, want %q", d.asked, want)
	}
}

func TestGetentFails(t *testing.T) {
	t.Parallel()
	d := &directory{err: errors.New("timed out")}
	db := write(t, passwd, group, d.getent)
	tests := []struct{ user, group, want string }{
		{"nobdy", "", `unknown user "nobdy" (getent passwd: timed out); did you mean "nobody"?`},
		{"nobody", "nogroup", `unknown group "nogroup" (getent group: timed out)`},
		{"nobody", "", ""},
		{"5000", "6000", ""}, // numbers need no getent
	}
	for _, tt := range tests {
		_, err := db.Lookup(tt.user, tt.group)
		if got := fmt.Sprint(err); err != nil && got != tt.want || err == nil && tt.want != "" {
			t.Errorf("Lookup(%q, %q) = %v, want %s", tt.user, tt.group, err, tt.want)
		}
		if tt.want != "" && !errors.Is(err, d.err) {
			t.Errorf("Lookup(%q, %q) does not wrap the error of getent", tt.user, tt.group)
		}
	}
}

// TestGetentGroupsFail: a server must not run with fewer groups than its user has.
func TestGetentGroupsFail(t *testing.T) {
	t.Parallel()
	db := write(t, passwd, group, func(database, key string) (string, bool, error) {
		if database == "passwd" {
			return "carol:*:2000:2001:::", true, nil
		}
		return "", false, errors.New("timed out")
	})
	want := `groups of user "carol": getent initgroups: timed out`
	if _, err := db.Lookup("carol", ""); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	d := &directory{lines: map[string]string{
		"passwd carol":     "carol:*:2000:2001:Carol:/home/carol:/bin/sh",
		"initgroups carol": "carol 3000",
	}}
	db := write(t, passwd, group, d.getent)
	for range 5000 {
		db.Lookup("carol", "")
		db.Lookup("dave", "")
	}
	want := []string{"passwd carol", "initgroups carol", "passwd dave"}
	if diff := cmp.Diff(want, d.asked); diff != "" {
		t.Errorf("questions differ (-want +got):\n%s", diff)
	}
}
