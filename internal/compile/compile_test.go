package compile

import (
	"slices"
	"testing"
	"time"

	"inetd/internal/child/childtest"
	"inetd/internal/conf"
	"inetd/internal/plan"
)

// TestIOPriority: the class is above the 13 bits of the level, and idle has no levels.
func TestIOPriority(t *testing.T) {
	t.Parallel()
	for p, want := range map[conf.IOPriority]int{
		{}:                               0,
		{Class: "realtime", Level: 3}:    1<<13 | 3,
		{Class: "best-effort", Level: 7}: 2<<13 | 7,
		{Class: "idle", Level: 5}:        3 << 13,
	} {
		if got := ioPriority(p); got != want {
			t.Errorf("%+v: %#x, want %#x", p, got, want)
		}
	}
}

func TestStderrFile(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"": "", "socket": "", "log": "", "null": "/dev/null", "/var/log/x": "/var/log/x"} {
		if got := stderrFile(key); got != want {
			t.Errorf("stderr = %s: %q, want %q", key, got, want)
		}
	}
}

// TestWithoutKeys: an entry without keys gets the defaults.
func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	env := []string{"PATH=/bin"}
	if got := Environment(nil, env); !slices.Equal(got, env) {
		t.Errorf("environment %q", got)
	}
	if got := EndTime(nil); got != 5*time.Second {
		t.Errorf("end_time %v", got)
	}
	if got := Setup(nil); got.Limits != nil || got.HasUmask || got.Root != "" {
		t.Errorf("setup %+v", got)
	}
	if Credential(nil) != nil {
		t.Error("nobody has a credential")
	}
	got := Credential(&plan.Identity{UID: 1, GID: 2, Groups: []uint32{3}})
	if got.UID != 1 || got.GID != 2 || !slices.Equal(got.Groups, []uint32{3}) {
		t.Errorf("credential %+v", got)
	}
}

// TestProfilesAreShared: servers share a profile unless it depends on a key in which they
// differ, so that a thousand entries take no more memory than one.
func TestProfilesAreShared(t *testing.T) {
	t.Parallel()
	starter := childtest.New(t)
	here, there, other := plan.Server{Keys: "here"}, plan.Server{Keys: "there"}, plan.Server{Keys: "other"}
	keys := map[string]*conf.Keys{
		"here":  {IdleTime: time.Minute},
		"there": {IdleTime: time.Hour},
		"other": {Options: []conf.Option{{Key: conf.Word{Pos: conf.Pos{Line: 1}, Text: "pass_env"}}}},
	}
	identities := map[plan.Server]*plan.Identity{here: {UID: 1}, there: {UID: 1}, other: {UID: 1}, {}: {UID: 2}}
	made, err := Profiles(identities, keys, starter, []string{"PATH=/bin"})
	if err != nil {
		t.Fatal(err)
	}
	if made[here] != made[there] {
		t.Error("two idle times, two profiles")
	}
	if made[here] == made[other] {
		t.Error("another environment, the same profile")
	}
	if made[here] == made[plan.Server{}] {
		t.Error("another user, the same profile")
	}
}
