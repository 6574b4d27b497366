package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes in Markdown when, where and what was measured.
func machine(ctx context.Context, peers []*peer) string {
	var b strings.Builder
	var uts unix.Utsname
	_ = unix.Uname(&uts) // cannot fail with a valid pointer
	fmt.Fprintf(&b, "%s; %s, %d cores; %s, Linux %s\n\n", time.Now().Format("2006-01-02 15:04 MST"),
		cpuModel(text("/proc/cpuinfo")), runtime.NumCPU(), osName(text("/etc/os-release")), unix.ByteSliceToString(uts.Release[:]))
	for _, p := range peers {
		fmt.Fprintf(&b, "* %s: %s\n", p.name, strings.Join(slices.DeleteFunc([]string{p.version(ctx), p.remark}, empty), "; "))
	}
	return b.String()
}

func empty(s string) bool { return s == "" }

// text returns what a file holds; "" if it cannot be read.
func text(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

// version says which version of the peer was measured.
func (p *peer) version(ctx context.Context) string {
	if p.name == referenceName {
		return "accept4, vfork, execve and close in C"
	}
	if p.origin == "" {
		said, err := exec.CommandContext(ctx, p.binary, "--version").Output()
		if err != nil {
			return "unknown version"
		}
		return strings.TrimSpace(string(said))
	}
	files, _ := filepath.Glob(p.origin) // fails only for a bad pattern, and these are ours
	if len(files) == 0 {
		return "left out: not there"
	}
	return debianVersion(files[len(files)-1])
}

// debianVersion returns the version in the name of a package's file:
// NAME_VERSION_ARCH.deb or NAME_VERSION.dsc, with the epoch's colon as %3a.
func debianVersion(file string) string {
	_, version, _ := strings.Cut(filepath.Base(file), "_")
	version, _, _ = strings.Cut(strings.TrimSuffix(version, ".dsc"), "_")
	return strings.ReplaceAll(version, "%3a", ":")
}
