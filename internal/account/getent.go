package account

import (
	"fmt"
	"strings"
)

// Getent answers one key of one database (passwd, group, initgroups) with the line that
// getent(1) prints. found is false if there is no such key. err says why getent could not
// be asked, without naming it. A call may take long.
type Getent func(database, key string) (line string, found bool, err error)

func (db *DB) askUser(name string) (user, bool, error) {
	line, found, err := db.ask("passwd", name)
	u, ok := parseUser(line)
	u.remote = true
	return u, found && ok, err
}

func (db *DB) askGroup(name string) (uint32, bool, error) {
	line, found, err := db.ask("group", name)
	_, gid, _, ok := parseGroup(line)
	return gid, found && ok, err
}

// askMemberships returns the groups besides the primary one. getent prints the user's
// name, then the ids.
func (db *DB) askMemberships(user string) ([]uint32, error) {
	line, _, err := db.ask("initgroups", user)
	if err != nil {
		return nil, &Error{Text: fmt.Sprintf("groups of user %q: %v", user, err), Err: err, Unknown: true}
	}
	var gids []uint32
	for word := range strings.FieldsSeq(strings.TrimPrefix(line, user)) {
		if gid, ok := parseID(word); ok {
			gids = append(gids, gid)
		}
	}
	return gids, nil
}

// ask asks getent for a key that could be a name: one that is not an option and has no
// character that would end a field of a file.
func (db *DB) ask(database, key string) (line string, found bool, err error) {
	if db.getent == nil || !isName(key) || strings.ContainsAny(key, ":\n\x00") {
		return "", false, nil
	}
	line, found, err = db.getent(database, key)
	if err != nil {
		return "", false, fmt.Errorf("getent %s: %w", database, err)
	}
	return line, found, nil
}
