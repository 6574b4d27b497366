package zone

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLocation expects what date(1) says with the GNU C library.
func TestLocation(t *testing.T) {
	t.Parallel()
	winter, summer := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	tests := []struct{ tz, winter, summer string }{
		{"", "12:00 UTC", "12:00 UTC"},
		{"CET-1CEST,M3.5.0,M10.5.0/3", "13:00 CET", "14:00 CEST"},
		{":CET-1CEST,M3.5.0,M10.5.0/3", "13:00 CET", "14:00 CEST"},
		{"EST5EDT,M3.2.0,M11.1.0", "07:00 EST", "08:00 EDT"},
		{"AEST-10AEDT,M10.1.0,M4.1.0/3", "23:00 AEDT", "22:00 AEST"},
		{"XST5XDT", "07:00 XST", "08:00 XDT"}, // the rules of the United States
		{"XST5XDT4:30,J60,J300", "07:00 XST", "07:30 XDT"},
		{"XST5XDT,59/0,299", "07:00 XST", "08:00 XDT"},
		{"<+0330>-3:30", "15:30 +0330", "15:30 +0330"},
		{"IST-5:30", "17:30 IST", "17:30 IST"},
		{"WGT3", "09:00 WGT", "09:00 WGT"},
		{"/dev/null", "12:00 UTC", "12:00 UTC"},
		{"/no/such/file", "12:00 UTC", "12:00 UTC"},
		{"Local", "12:00 UTC", "12:00 UTC"},
		{"no zone", "12:00 UTC", "12:00 UTC"},
		{"../../etc/passwd", "12:00 UTC", "12:00 UTC"},
		{"CET-1\n", "12:00 UTC", "12:00 UTC"},
	}
	for _, tt := range tests {
		l := Location(tt.tz)
		for when, want := range map[time.Time]string{winter: tt.winter, summer: tt.summer} {
			if got := when.In(l).Format("15:04 MST"); got != want {
				t.Errorf("TZ=%q: %s, want %s", tt.tz, got, want)
			}
		}
	}
}

// TestClockFollowsFile: a change of /etc/localtime is in force after the next look; a
// file that is gone or damaged changes nothing.
func TestClockFollowsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "localtime")
	c := &Clock{path: path, zone: time.UTC}
	now := func() int {
		c.checked = time.Time{} // a second passes
		_, offset := c.Now().Zone()
		return offset / 3600
	}
	put := func(offset byte) {
		t.Helper()
		next := path + ".new"
		const head = "TZif\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"
		seconds := int(offset) * 3600
		text := head + string([]byte{0, 0, byte(seconds >> 8), byte(seconds), 0, 0}) + "X\x00"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do   func()
		want int
	}{
		{func() {}, 0},
		{func() { put(2) }, 2},
		{func() { put(5) }, 5},
		{func() { os.Remove(path) }, 5},
		{func() { put(1) }, 1},
		{func() { os.WriteFile(path, []byte("damaged, and longer"), 0o600) }, 1},
	} {
		step.do()
		if got := now(); got != step.want {
			t.Errorf("step %d: %d hours, want %d", i, got, step.want)
		}
	}
}

// FuzzLocation: whatever TZ holds, there is a zone.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "XST5XDT4:30,J60,J300", ":UTC0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tz string) {
		if filepath.IsAbs(tz) {
			t.Skip("not from the text alone")
		}
		l := Location(tz)
		for _, year := range []int{1900, 1970, 2026, 2100} {
			_ = time.Date(year, 7, 1, 0, 0, 0, 0, l).String()
		}
	})
}
