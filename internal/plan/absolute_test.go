package plan

import (
	"slices"
	"testing"
)

// TestAbsolute: relative paths are seen from the directory; the original stays as it is.
func TestAbsolute(t *testing.T) {
	t.Parallel()
	c := Config{Files: []string{"inetd.conf", "/etc/inetd.d", "../x/"}, Services: "services"}
	a := c.Absolute("/srv/here")
	if want := []string{"/srv/here/inetd.conf", "/etc/inetd.d", "/srv/x"}; !slices.Equal(a.Files, want) || a.Services != "/srv/here/services" {
		t.Errorf("%q, services %q, want %q", a.Files, a.Services, want)
	}
	if c.Files[0] != "inetd.conf" || new(Config).Absolute("/srv").Services != "" {
		t.Errorf("%q", c.Files)
	}
}
