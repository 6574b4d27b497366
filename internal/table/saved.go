package table

import (
	"encoding/json"

	"inetd/internal/conf"
	"inetd/internal/handover"
	"inetd/internal/plan"
)

// savedAction is the form in which an upgrade hands over an action.
type savedAction struct {
	Action *plan.Action
	Keys   *conf.Keys `json:",omitempty"`
	Asks   []plan.Ask `json:",omitempty"`
}

// Saved returns the action as the next program reads it. The place of connect is among
// the keys there, because that is where earlier versions of the program expect it.
func (do *Action) Saved() json.RawMessage {
	keys := do.Keys
	if do.Passes() {
		own := *keys
		own.Connect = do.Connect
		keys = &own
	}
	text, err := json.Marshal(savedAction{do.Action, keys, do.Asks})
	if err != nil {
		text = []byte("{}") // cannot happen with plain values; the next program would see a changed action
	}
	return text
}

// ActionOf returns an action, without a program, from its saved form. If another version
// has saved it in a form that does not fit, the action is empty: the first load then
// finds that the entry has changed.
func ActionOf(text json.RawMessage) *Action {
	saved := savedAction{Action: &plan.Action{}}
	if json.Unmarshal(text, &saved) != nil || saved.Action == nil {
		saved = savedAction{Action: &plan.Action{}}
	}
	do := &Action{Action: saved.Action, Keys: saved.Keys, Asks: saved.Asks}
	if do.Keys != nil {
		do.Connect, do.Keys.Connect = do.Keys.Connect, conf.Place{}
		do.Penalty = penaltyOf(do.Action, do.Keys)
	}
	return do
}

// Saved returns the usage as the next program reads it.
func (u *Usage) Saved() *handover.Usage {
	return &handover.Usage{
		Limits: &u.Usage, Counts: u.Counts, IdleStarts: u.IdleStarts, Suspended: u.Halted,
		Mended: u.Mended, Altered: u.Altered, Debts: u.Debts,
	}
}

// UsageOf returns the usage that the program before has left.
func UsageOf(from *handover.Usage) *Usage {
	return &Usage{
		Usage: *from.Limits, Counts: from.Counts, IdleStarts: from.IdleStarts, Halted: from.Suspended,
		Mended: from.Mended, Altered: from.Altered, Debts: from.Debts,
	}
}
