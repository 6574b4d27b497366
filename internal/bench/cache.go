package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// cache is the directory that keeps what runs need, for the next run:
//
//	deb/      packages as downloaded
//	root/     each package unpacked in a directory of its name
//	lib/      libraries that the packages need and the host lacks
//	src/      busybox
//	bin/      the C programs, built anew when their source is newer
type cache struct {
	dir     string
	sources string // the directory of our C sources
	say     func(format string, args ...any)
}

func (c *cache) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// static are flags that make an executable of a few hundred bytes in one segment.
var static = []string{"-Os", "-nostdlib", "-static", "-no-pie", "-fno-pie", "-fno-stack-protector",
	"-fno-asynchronous-unwind-tables", "-s", "-Wl,--build-id=none,-z,norelro,-z,noseparate-code,-n"}

// fill builds and fetches whatever is missing. A C program that cannot be built
// is an error; a peer that cannot be fetched is reported and left out.
func (c *cache) fill(ctx context.Context, peers []*peer) error {
	if err := os.MkdirAll(c.path("bin"), 0o755); err != nil {
		return err
	}
	programs := map[string][]string{
		"reference": {"-O2", "-static"}, "dynamic": {"-O2"}, "tiny": static, "tinydgram": static, "dynamicdgram": {"-O2"}, "cold": {"-O2"},
	}
	for name, flags := range programs {
		if err := c.compile(ctx, name, flags); err != nil {
			return err
		}
	}
	for _, p := range peers {
		if exists(p.binary) {
			continue
		}
		if p.fetch == nil {
			c.say("left out: %s: there is no %s", p.name, p.binary)
			continue
		}
		c.say("fetching %s", p.name)
		if err := p.fetch(ctx); err != nil {
			c.say("left out: %s: %v", p.name, err)
		}
	}
	return nil
}

func (c *cache) compile(ctx context.Context, name string, flags []string) error {
	source, program := filepath.Join(c.sources, name+".c"), c.path("bin", name)
	if newer(program, source) {
		return nil
	}
	return command(ctx, "", "gcc", append(slices.Clone(flags), "-Wall", "-o", program, source)...)
}

// unpack downloads and unpacks Debian's package of that name, after the libraries
// that it needs and the host lacks.
func (c *cache) unpack(ctx context.Context, name string) error {
	plan, err := output(ctx, "apt-get", "-q", "--simulate", "--no-install-recommends", "install", name)
	if err != nil {
		return err
	}
	missing := libraries(plan)
	for _, lib := range missing {
		if err := c.download(ctx, lib, c.path("lib")); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		if err := c.indexLibraries(ctx); err != nil {
			return err
		}
	}
	return c.download(ctx, name, c.path("root", name))
}

func (c *cache) download(ctx context.Context, name, into string) error {
	if err := os.MkdirAll(c.path("deb"), 0o755); err != nil {
		return err
	}
	if err := command(ctx, c.path("deb"), "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(c.path("deb", name+"_*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("apt-get download %s left no package", name)
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	return command(ctx, "", "dpkg", "-x", debs[len(debs)-1], into)
}

// libraries returns the names of the libraries in apt-get's plan, in which a
// package to install has a line "Inst NAME (VERSION ...)".
func libraries(plan string) []string {
	var list []string
	for line := range strings.Lines(plan) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "Inst" && strings.HasPrefix(fields[1], "lib") {
			list = append(list, fields[1])
		}
	}
	return list
}

// indexLibraries makes a cache for the dynamic linker that knows lib/ besides
// the host's own. (LD_LIBRARY_PATH would reach the servers and slow them down.)
func (c *cache) indexLibraries(ctx context.Context) error {
	var dirs []string
	err := filepath.WalkDir(c.path("lib"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".so.") && !slices.Contains(dirs, filepath.Dir(path)) {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		return err
	}
	return command(ctx, "", "ldconfig", append([]string{"-X", "-C", c.path("ld.so.cache")}, dirs...)...)
}

// busybox builds Debian's source of busybox with no applet but inetd, which the
// package lacks. The host's list of package sources need not have deb-src lines:
// they are derived from its deb lines.
func (c *cache) busybox(ctx context.Context) error {
	for _, dir := range []string{c.path("src"), c.path("lists", "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	lines, err := output(ctx, "apt-get", "indextargets", "--format",
		"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)",
		"Created-By: Packages", "Origin: Debian")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("src.list"), []byte(lines), 0o644); err != nil {
		return err
	}
	apt := []string{"-q", "-o", "Dir::Etc::SourceList=" + c.path("src.list"), "-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + c.path("lists"), "-o", "APT::Sandbox::User=root"}
	if err := command(ctx, "", "apt-get", append(apt, "update")...); err != nil {
		return err
	}
	if err := command(ctx, c.path("src"), "apt-get", append(apt, "source", "busybox")...); err != nil {
		return err
	}
	return command(ctx, c.path("src"), "sh", "-e", "-c", `
		cd busybox-*/
		make allnoconfig
		sed -i -e 's/^# \(CONFIG_INETD\) is not set/\1=y/' .config
		yes '' | make oldconfig
		sed -i -e 's/^# \(CONFIG_FEATURE_INETD_SUPPORT_BUILTIN_.*\) is not set/\1=y/' .config
		yes '' | make oldconfig
		make -j2
		cp busybox ../../bin/busybox`)
}

// command runs a program. If it fails, the error holds its last line of output.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLine(said))
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(text), nil
}

func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// newer reports whether made exists and is not older than its source.
func newer(made, source string) bool {
	m, err := os.Stat(made)
	if err != nil {
		return false
	}
	s, err := os.Stat(source)
	return err == nil && !m.ModTime().Before(s.ModTime())
}
