package plan

import (
	"fmt"

	"inetd/internal/conf"
)

// Ask is a key that is in force for a service, as it is told: with the place that
// set it, which services that do the same need not have in common.
type Ask struct {
	Key  string
	Text string // "max_time = 30s"; of many values the first, and their number
	At   conf.Pos
}

// Place is the line of the key.
func (a *Ask) Place() string { return fmt.Sprintf("%s:%d", a.At.File, a.At.Line) }

// asks are the keys in force of an entry. Entries that are amended alike share them.
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

// maxBrief is from how many bytes on a further value of a key is not told.
const maxBrief = 60

// brief is an option as it would be written. Lists of networks may have megabytes.
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
