package account

import "strconv"

// PasswdFile is the system's file of users.
const PasswdFile = "/etc/passwd"

// Name returns the login name of a user id from a passwd file or, if the id is not there,
// from a Getent, which may be nil. The name is empty if nobody has the id. Name reads the
// file anew, so any goroutine may call it.
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
	if !ok || u.uid != id { // a user's name may be a number
		return "", err
	}
	return u.name, nil
}
