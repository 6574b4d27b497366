package plan

import (
	"errors"
	"fmt"
	"slices"

	"inetd/internal/account"
	"inetd/internal/conf"
)

// wholeUser mends an entry whose column user.group is the name of one user.
func (l *loader) wholeUser(e *conf.Entry) {
	if e.Dotted && l.plan.Accounts.Dotted(e.User, e.Group) {
		e.User, e.Group, e.Dotted = e.User+"."+e.Group, "", false
	}
}

// identify looks up the identity of an entry's server and notes it in the plan, or
// reports why it cannot. A builtin's user must exist too, as in every inetd that checks.
func (l *loader) identify(e *conf.Entry, s Server) bool {
	if _, ok := l.plan.Identities[s]; ok {
		return true
	}
	id, err := l.host.identity(l.plan.Accounts, s.User, l.checking)
	if err != nil {
		text, hint, c := advice(err)
		l.reportPassing(c, e, e.Cols[conf.ColUser], conf.Error, text+", service ignored", hint)
		return false
	}
	if id, err = l.host.withGroups(l.plan.Accounts, id, e.Keys); err != nil {
		text, hint, c := advice(err)
		l.reportPassing(c, e, e.Keys.At("groups"), conf.Error, text+", service ignored", hint)
		return false
	}
	s = Server{l.kept.user(s.User), l.kept.text(s.Keys)}
	l.plan.Identities[s] = id
	if e.Keys != nil {
		l.plan.Keys[s.Keys] = l.kept.keysOf(e.Keys)
	}
	return true
}

// withGroups returns an identity with the supplementary groups that the key groups lists
// in place of the user's own.
func (h *Host) withGroups(accounts *account.DB, id *Identity, k *conf.Keys) (*Identity, error) {
	if k == nil || !k.Has("groups") || k.Groups == nil {
		return id, nil
	}
	if id == nil { // the daemon's own
		id = &Identity{UID: uint32(h.UID), GID: uint32(h.GID)}
	}
	groups := []uint32{id.GID}
	for _, name := range k.Groups {
		c, err := accounts.Lookup("root", name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, c.GID)
	}
	slices.Sort(groups)
	return &Identity{UID: id.UID, GID: id.GID, Groups: slices.Compact(groups)}, nil
}

// OpenAccounts reads the files of users and groups.
func (h *Host) OpenAccounts() (*account.DB, error) {
	return account.Open(h.etc("passwd"), h.etc("group"), account.Getent(h.Getent))
}

// Identity looks up the identity of a server; nil is the daemon's own. A daemon that is
// not root cannot start a server as another user: that is an error.
func (h *Host) Identity(accounts *account.DB, u User) (*Identity, error) {
	return h.identity(accounts, u, false)
}

// identity is Identity; asRoot answers as for a daemon started by root.
func (h *Host) identity(accounts *account.DB, u User, asRoot bool) (*Identity, error) {
	if u.Name == "" {
		return nil, nil
	}
	c, err := accounts.Lookup(u.Name, u.Group)
	if err != nil {
		return nil, err
	}
	if h.UID == 0 || asRoot {
		return h.unlessSame(&Identity{UID: c.UID, GID: c.GID, Groups: c.Groups}), nil
	}
	if int(c.UID) != h.UID || u.Group != "" && int(c.GID) != h.GID {
		return nil, &account.Error{
			Text: fmt.Sprintf("this daemon runs as uid %d and cannot become %q", h.UID, u), Hint: "write - for the daemon's own user"}
	}
	return nil, nil
}

// unlessSame returns nil if a daemon of root's has the identity already, so that its server
// need not make the system calls to change it.
func (h *Host) unlessSame(id *Identity) *Identity {
	own := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(h.Groups), h.GID))))
	same := id.UID == 0 && int(id.GID) == h.GID && slices.EqualFunc(own, id.Groups, func(a int, b uint32) bool { return a == int(b) })
	if same {
		return nil
	}
	return id
}

// Identities looks up the identities of servers again. The map lacks a server whose
// user is gone, and is nil if the files of users and groups cannot be read; the errors
// say why. Of the returned accounts only the method Changed may be called.
func Identities(host *Host, servers map[Server]*conf.Keys) (map[Server]*Identity, *account.DB, []error) {
	accounts, err := host.OpenAccounts()
	if err != nil {
		return nil, nil, []error{err}
	}
	var errs []error
	found := map[Server]*Identity{}
	for s, keys := range servers {
		id, err := host.Identity(accounts, s.User)
		if err == nil {
			id, err = host.withGroups(accounts, id, keys)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found[s] = id
	}
	accounts.Forget()
	return found, accounts, errs
}

// advice returns the text of an error about an account, a hint on what to do, and
// whether the problem may pass by itself.
func advice(err error) (text, hint string, c cause) {
	e, ok := errors.AsType[*account.Error](err)
	switch {
	case !ok:
		return err.Error(), "", lasting
	case e.Unknown:
		return e.Text, e.Hint, missing
	}
	return e.Text, e.Hint, lasting
}
