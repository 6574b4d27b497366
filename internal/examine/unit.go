package examine

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/sock"
	"inetd/internal/textfile"
)

// unitDirs are where systemd looks for units; the first file found wins
// (systemd.unit(5)).
var unitDirs = []string{
	"etc/systemd/system", "run/systemd/system", "run/systemd/generator",
	"usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system",
}

// maxUnit is more bytes than any unit file has.
const maxUnit = 1 << 20

// socketUnit names the systemd unit that opened a socket at an address; "" if the files
// below root do not tell. Inactive units have files, too. An active one has a link below
// run/systemd/units.
func socketUnit(root string, s sock.Spec, at netip.AddrPort) string {
	key := "ListenStream"
	if !s.Listens() {
		key = "ListenDatagram"
	}
	var possible, active []string
	for _, name := range socketUnits(root) {
		if !slices.ContainsFunc(listens(root, name, key), func(v string) bool { return listensAt(v, at) }) {
			continue
		}
		possible = append(possible, name)
		if _, err := os.Lstat(filepath.Join(root, "run/systemd/units", "invocation:"+name)); err == nil {
			active = append(active, name)
		}
	}
	switch {
	case len(active) > 0:
		return active[0]
	case len(possible) == 1:
		return possible[0]
	}
	return ""
}

// socketUnits are the names of the socket units that have a file.
func socketUnits(root string) (names []string) {
	for _, dir := range unitDirs {
		paths, _ := filepath.Glob(filepath.Join(root, dir, "*.socket")) // the pattern is well formed
		for _, path := range paths {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// listens returns the values of a key of a unit. Drop-ins add values or reset them, in the
// order of their names. Of drop-ins with the same name, that of the first directory counts.
func listens(root, name, key string) (values []string) {
	read := func(path string) bool {
		text, err := textfile.Read(path, maxUnit)
		if err != nil {
			return false
		}
		for line := range strings.Lines(text) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch v = strings.TrimSpace(v); {
			case strings.TrimSpace(k) != key:
			case v == "":
				values = nil
			default:
				values = append(values, v)
			}
		}
		return true
	}
	for _, dir := range unitDirs {
		if read(filepath.Join(root, dir, name)) {
			break
		}
	}
	dropIns := map[string]string{} // paths by the names of the files
	for _, dir := range slices.Backward(unitDirs) {
		paths, _ := filepath.Glob(filepath.Join(root, dir, name+".d", "*.conf"))
		for _, path := range paths {
			dropIns[filepath.Base(path)] = path
		}
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		read(dropIns[base])
	}
	return values
}

// listensAt reports whether a value of ListenStream or ListenDatagram means an address.
func listensAt(value string, at netip.AddrPort) bool {
	if port, err := strconv.ParseUint(value, 10, 16); err == nil {
		return at.Addr().IsUnspecified() && at.Port() == uint16(port)
	}
	a, err := netip.ParseAddrPort(value)
	return err == nil && a.Port() == at.Port() && a.Addr().WithZone("").Unmap() == at.Addr().WithZone("").Unmap()
}
