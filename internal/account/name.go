package account

import "strconv"

// Name returns the login name of a user id by a passwd file or, if it is not
// there, by a Getent, which may be nil; it is empty if nobody has the id. It
// reads the file anew, so it may be called by any goroutine.
func Name(passwd string, id uint32, getent Getent) (string, error) {
	text, err := (&file{path: passwd}).read()
	if err != nil {
		return "", err
	}
	if u, ok := parseUsers(text).numbered(id); ok {
		return u.name, nil
	}
	db := DB{getent: getent}
	u, ok, err := db.askUser(strconv.FormatUint(uint64(id), 10))
	if !ok || u.uid != id { // a user may be called by a number
		return "", err
	}
	return u.name, nil
}
