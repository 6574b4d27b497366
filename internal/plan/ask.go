package plan

import (
	"fmt"

	"inetd/internal/conf"
)

// Ask is a key in force for a service, for reports: with the place that sets it, which
// may differ between services that share an Action.
type Ask struct {
	Key  string
	Text string // "max_time = 30s"; of many values only the first ones and the number of all
	At   conf.Pos
}

// Place returns the file and line of the key: "/etc/inetd.conf:7".
func (a *Ask) Place() string { return fmt.Sprintf("%s:%d", a.At.File, a.At.Line) }

// asks returns the keys in force for an entry. Successive entries that share their keys
// share the list.
func (l *loader) asks(k *conf.Keys) []Ask {
	if k == nil {
		return nil
	}
	if l.lastAsks.keys != k {
		l.lastAsks.keys, l.lastAsks.list = k, l.kept.asksOf(k)
	}
	return l.lastAsks.list
}

func (m *kept) asksOf(k *conf.Keys) []Ask {
	list := make([]Ask, len(k.Options))
	for i := range k.Options {
		o := &k.Options[i]
		at := o.Key.Pos
		at.File = m.text(at.File)
		list[i] = Ask{m.text(o.Key.Text), m.text(brief(o)), at}
	}
	return m.asks.AddAll(list)
}

// maxBrief is the length in bytes beyond which brief leaves out the further values.
const maxBrief = 60

// brief returns an option as a file would have it, but without most of a long list.
func brief(o *conf.Option) string {
	some := conf.Option{Key: o.Key}
	size := len(o.Key.Text)
	for _, v := range o.Values {
		if size += 1 + len(v.Text); size > maxBrief && len(some.Values) > 0 {
			return fmt.Sprintf("%s ... (%d values)", some.String(), len(o.Values))
		}
		some.Values = append(some.Values, v)
	}
	return some.String()
}
