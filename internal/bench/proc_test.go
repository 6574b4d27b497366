package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCgroup2Mount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, mountinfo, want string
	}{
		{"unified", "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", "/sys/fs/cgroup"},
		{"hybrid", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
			"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified"},
		{"version 1 only", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", ""},
		{"nothing", "", ""},
	} {
		got, ok := cgroup2Mount(tt.mountinfo)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestCPUUsage(t *testing.T) {
	t.Parallel()
	got, err := cpuUsage("usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n")
	if err != nil || got != 1234*time.Microsecond {
		t.Errorf("usage is %v, %v, want 1.234ms", got, err)
	}
	for _, text := range []string{"", "user_usec 1000\n", "usage_usec\n", "usage_usec many\n"} {
		if got, err := cpuUsage(text); err == nil {
			t.Errorf("%q: usage is %v, want an error", text, got)
		}
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	if got, err := anonymous("Pss:  1615 kB\nAnonymous:  1200 kB\nLazyFree: 0 kB\n"); got != 1200 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := anonymous("Pss:  1615 kB\n"); err == nil {
		t.Errorf("%d", got)
	}
}

func TestPSS(t *testing.T) {
	t.Parallel()
	got, err := pss("55d0-7ffd ---p 00000000 00:00 0  [rollup]\nRss:  4148 kB\nPss:  1615 kB\nPss_Dirty:  400 kB\n")
	if err != nil || got != 1615 {
		t.Errorf("pss is %v, %v, want 1615", got, err)
	}
	if got, err := pss("Rss: 4148 kB\nPss_Dirty: 400 kB\n"); err == nil {
		t.Errorf("without a Pss line: %v, want an error", got)
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	got, err := integers("1\n22\n333\n")
	if diff := cmp.Diff([]int{1, 22, 333}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if got, err := integers("1\ntwo\n"); err == nil {
		t.Errorf("a word is read as %v, want an error", got)
	}
}

func TestCPUModel(t *testing.T) {
	t.Parallel()
	if got := cpuModel("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nprocessor\t: 1\n"); got != "AMD EPYC" {
		t.Errorf("model is %q", got)
	}
	if got := cpuModel("processor\t: 0\n"); got != "unknown processor" {
		t.Errorf("without a name: %q", got)
	}
}

func TestOSName(t *testing.T) {
	t.Parallel()
	if got := osName("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"); got != "Debian GNU/Linux 12 (bookworm)" {
		t.Errorf("name is %q", got)
	}
	if got := osName(""); got != "unknown system" {
		t.Errorf("without a name: %q", got)
	}
}

// TestCPUTime: the clock of a process counts what is too little for /proc/PID/stat.
func TestCPUTime(t *testing.T) {
	t.Parallel()
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spin := time.Now(); time.Since(spin) < 5*time.Millisecond; {
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before <= 0 || after <= before {
		t.Errorf("clock went from %v to %v while this process was busy", before, after)
	}
}

func TestPSSOfThisProcess(t *testing.T) {
	t.Parallel()
	if kib, err := pssOf(os.Getpid()); err != nil || kib < 100 {
		t.Errorf("this process has %d KiB, %v", kib, err)
	}
}

func TestDebianVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, want string }{
		{"/c/deb/xinetd_1%3a2.3.15.3-1+b1_amd64.deb", "1:2.3.15.3-1+b1"},
		{"openbsd-inetd_0.20221205-2~deb12u1_amd64.deb", "0.20221205-2~deb12u1"},
		{"src/busybox_1.35.0-4+deb12u1.dsc", "1.35.0-4+deb12u1"},
	} {
		if got := debianVersion(tt.file); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.file, got, tt.want)
		}
	}
}

func TestLibraries(t *testing.T) {
	t.Parallel()
	plan := "Reading package lists...\nRemv inetutils-inetd [2:2.4]\nInst libmd0 (1.0.4-2 Debian:12.1/stable [amd64])\n" +
		"Inst libbsd0 [0.11.6] (0.11.7-2 Debian:12.1/stable [amd64])\nInst tcpd (7.6.q-32 [amd64])\nConf libmd0 (1.0.4-2)\n"
	if diff := cmp.Diff([]string{"libmd0", "libbsd0"}, libraries(plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
