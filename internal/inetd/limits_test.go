package inetd

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
		entry conf.Limits
		want  limit.Limits
	}{
		{unset, limit.Limits{Starts: 256, Max: 10, PerMinute: 20, PerSource: 5}},
		{conf.Limits{Starts: 40, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset}, limit.Limits{Starts: 40, Max: 10, PerMinute: 20, PerSource: 5}},
		{conf.Limits{}, limit.Limits{}},
		{conf.Limits{Starts: conf.Unset, Max: 1, PerMinute: 0, PerSource: 2}, limit.Limits{Starts: 256, Max: 1, PerSource: 2}},
	} {
		if got := cfg.limits(tt.entry); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.entry, got, tt.want)
		}
	}
}
