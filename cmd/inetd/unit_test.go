package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnitVerifies: systemd finds no fault with the unit, alone and with the drop-in that
// hardens it.
func TestUnitVerifies(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	unit := strings.ReplaceAll(read(t, "inetd.service"), "/usr/sbin/inetd", "/bin/true")
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("inetd.service", unit)
	for _, dropIn := range []string{"", "inetd.service.d/hardening.conf"} {
		if dropIn != "" {
			write(dropIn, read(t, "hardening.conf"))
		}
		cmd := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, "inetd.service"))
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("with %q: %v\n%s", dropIn, err, out)
		}
	}
}

// TestHardeningIsExplained: above each line of the drop-in stands what servers can no
// longer do.
func TestHardeningIsExplained(t *testing.T) {
	t.Parallel()
	_, settings, found := strings.Cut(read(t, "hardening.conf"), "[Service]\n")
	if !found {
		t.Fatal("no section")
	}
	for _, block := range strings.Split(strings.TrimSpace(settings), "\n\n") {
		text, setting := 0, 0
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "#") && setting == 0 {
				text++
			} else {
				setting++
			}
		}
		if text == 0 || setting == 0 {
			t.Errorf("not explained, or no setting:\n%s", block)
		}
	}
}
