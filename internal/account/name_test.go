package account

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	text := "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n1001:x:7:7::/:\nalice:x:1000:1000::/:\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	errDown := errors.New("down")
	elsewhere := func(_, key string) (string, bool, error) {
		switch key {
		case "2000":
			return "bob:x:2000:2000::/:", true, nil
		case "2001": // the C library prefers a user who is called so
			return "2001:x:5:5::/:", true, nil
		case "2002":
			return "", false, errDown
		}
		return "", false, nil
	}
	for _, tt := range []struct {
		id   uint32
		want string
		err  error
	}{
		{0, "root", nil},
		{7, "1001", nil},
		{1000, "alice", nil},
		{1001, "", nil},
		{2000, "bob", nil},
		{2001, "", nil},
		{2002, "", errDown},
	} {
		got, err := Name(path, tt.id, elsewhere)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Name(%d) = %q, %v, want %q, %v", tt.id, got, err, tt.want, tt.err)
		}
	}
	if got, err := Name(path+".missing", 0, nil); got != "" || err != nil {
		t.Errorf("without a file: %q, %v", got, err)
	}
	if _, err := Name(filepath.Dir(path), 0, nil); err == nil {
		t.Error("a directory was read")
	}
}
