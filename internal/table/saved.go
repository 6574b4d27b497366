package table

import (
	"encoding/json"

	"inetd/internal/conf"
	"inetd/internal/handover"
	"inetd/internal/plan"
)

// savedAction is an action in the open.
type savedAction struct {
	Action *plan.Action
	Keys   *conf.Keys `json:",omitempty"`
	Asks   []plan.Ask `json:",omitempty"`
}

// Saved is an action as the next program reads it. It has its place among its keys, as
// programs had it that did not share those.
func (do *Action) Saved() json.RawMessage {
	keys := do.Keys
	if do.Passes() {
		own := *keys
		own.Connect = do.Connect
		keys = &own
	}
	text, err := json.Marshal(savedAction{do.Action, keys, do.Asks})
	if err != nil {
		text = []byte("{}") // plain values have no error; the next program would find another action
	}
	return text
}

// ActionOf makes an action, without a program, of one in the open. One that has another
// shape in this program is none that the load could find again.
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

// Saved is a usage as the next program reads it.
func (u *Usage) Saved() *handover.Usage {
	return &handover.Usage{
		Limits: &u.Usage, Counts: u.Counts, IdleStarts: u.IdleStarts, Suspended: u.Halted,
		Mended: u.Mended, Altered: u.Altered, Debts: u.Debts,
	}
}

// UsageOf is the usage that another program has left.
func UsageOf(from *handover.Usage) *Usage {
	return &Usage{
		Usage: *from.Limits, Counts: from.Counts, IdleStarts: from.IdleStarts, Halted: from.Suspended,
		Mended: from.Mended, Altered: from.Altered, Debts: from.Debts,
	}
}
