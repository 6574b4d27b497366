package table

import (
	"encoding/json"
	"strings"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/plan"
)

// TestSavedPlace: the saved form of an action has the place of connect among its keys,
// and an action is read correctly from a form that has it nowhere else.
func TestSavedPlace(t *testing.T) {
	t.Parallel()
	to := conf.Place{Network: "tcp", Address: "127.0.0.1:1"}
	before, err := json.Marshal(savedAction{Action: &plan.Action{Keys: "connect = 127.0.0.1:1"}, Keys: &conf.Keys{Connect: to}})
	if err != nil {
		t.Fatal(err)
	}
	do := ActionOf(before)
	if !do.Passes() || do.Connect != to || do.Keys.Connect != (conf.Place{}) {
		t.Errorf("taken over: %+v with %+v", do.Action, do.Keys)
	}
	if after := do.Saved(); string(after) != string(before) {
		t.Errorf("left: %s\nwant: %s", after, before)
	}
	if do.Keys.Connect != (conf.Place{}) {
		t.Error("the keys that others share have changed")
	}
	if plain := ActionOf(json.RawMessage(`{"Action": {"Keys": "nice = 1"}, "Keys": {"Nice": 1}}`)); plain.Passes() || strings.Contains(string(plain.Saved()), to.Address) {
		t.Errorf("no place: %+v", plain.Action)
	}
}
