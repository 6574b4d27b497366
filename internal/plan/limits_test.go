package plan

import (
	"testing"

	"inetd/internal/conf"
	"inetd/internal/limit"
)

func TestLimitsOfConfig(t *testing.T) {
	t.Parallel()
	cfg := Config{Starts: 256, Max: 10, PerMinute: 20, PerSource: 5}
	unset := conf.Limits{Starts: conf.Unset, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset}
	for _, tt := range []struct {
		entry conf.Entry
		want  limit.Limits
	}{
		{conf.Entry{Limits: unset}, limit.Limits{Starts: 256, Max: 10, PerMinute: 20, PerSource: 5}},
		{conf.Entry{Limits: conf.Limits{Starts: 40, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset}}, limit.Limits{Starts: 40, Max: 10, PerMinute: 20, PerSource: 5}},
		{conf.Entry{}, limit.Limits{}},
		{conf.Entry{Limits: conf.Limits{Starts: conf.Unset, Max: 1, PerMinute: 0, PerSource: 2}}, limit.Limits{Starts: 256, Max: 1, PerSource: 2}},
		{conf.Entry{Internal: true, Limits: unset}, limit.Limits{Max: 10, PerMinute: 20, PerSource: 5}},
		{conf.Entry{Internal: true, Type: conf.Dgram, Limits: unset}, limit.Limits{Max: 10, PerSource: 5}},
		{conf.Entry{Internal: true, Type: conf.Dgram, Limits: conf.Limits{Starts: 7, Max: conf.Unset, PerMinute: 8, PerSource: conf.Unset}}, limit.Limits{Starts: 7, Max: 10, PerMinute: 8, PerSource: 5}},
	} {
		if got := cfg.limits(&tt.entry); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.entry.Limits, got, tt.want)
		}
	}
}
