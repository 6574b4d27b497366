package plan

import (
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/slab"
)

// kept makes copies of what outlives a load. No copy shares memory with the text of a
// configuration file, which would be kept with it, and equal strings are stored once,
// because there may be thousands of entries.
type kept struct {
	texts   map[string]string
	options map[string][]conf.Option // by the names of their keys
	shared  map[string]*conf.Keys    // of entries with connect, by their keys without the place

	bytes   slab.Strings
	actions slab.Of[Action]
	keys    slab.Of[conf.Keys]
	asks    slab.Of[Ask]
}

func newKept() kept {
	return kept{texts: map[string]string{}, options: map[string][]conf.Option{}, shared: map[string]*conf.Keys{}}
}

func (m *kept) text(s string) string {
	if s == "" {
		return ""
	}
	text, ok := m.texts[s]
	if !ok {
		text = m.bytes.Add(s)
		m.texts[text] = text
	}
	return text
}

// list returns a copy of a list, nil only if texts is nil.
func (m *kept) list(texts []string) []string {
	texts = slices.Clone(texts)
	for i, s := range texts {
		texts[i] = m.text(s)
	}
	return texts
}

func (m *kept) user(u User) User { return User{m.text(u.Name), m.text(u.Group)} }

func (m *kept) action(a Action) *Action {
	a.User, a.Argv = m.user(a.User), m.bytes.Add(a.Argv) // few actions have equal arguments
	for _, s := range []*string{&a.Path, &a.Builtin, &a.Keys, &a.Proto, &a.Connect.Network, &a.Connect.Address, &a.Ident.Fallback, &a.Ident.OS, &a.Options.Tuning.Device, &a.Options.Tuning.Congestion} {
		*s = m.text(*s)
	}
	return m.actions.Add(a)
}

// keysOf returns a copy of keys to keep. Entries that differ only in the place of connect
// share it: the place is kept in their actions.
func (m *kept) keysOf(k *conf.Keys) *conf.Keys {
	if !OnDemand(k) {
		return m.lean(k)
	}
	text := textOf(placeless(k))
	if m.shared[text] == nil {
		m.shared[text] = m.lean(k)
	}
	return m.shared[text]
}

// lean returns a copy of keys without what only a load needs: their text and places, the
// lists of clients, of which GuardOf makes the guard, and the place of connect, which the
// action has.
func (m *kept) lean(k *conf.Keys) *conf.Keys {
	c := *k
	c.Allow, c.Deny, c.Connect = nil, nil, conf.Place{}
	c.Options = m.inForce(k.Options)
	c.Groups, c.Env, c.PassEnv = m.list(k.Groups), m.list(k.Env), m.list(k.PassEnv)
	for _, s := range []*string{&c.IOPriority.Class, &c.Directory, &c.Chroot, &c.Stderr, &c.WrapName, &c.Banner, &c.BannerSuccess, &c.BannerFail, &c.Refuse,
		&c.Sockopt.Device, &c.Sockopt.Congestion} {
		*s = m.text(*s)
	}
	return m.keys.Add(c)
}

// inForce returns options without their values and places.
func (m *kept) inForce(options []conf.Option) []conf.Option {
	var names strings.Builder
	for _, o := range options {
		names.WriteString(o.Key.Text + " ")
	}
	if list, ok := m.options[names.String()]; ok {
		return list
	}
	list := make([]conf.Option, len(options))
	for i, o := range options {
		list[i].Key.Text = m.text(o.Key.Text)
	}
	m.options[names.String()] = list
	return list
}
