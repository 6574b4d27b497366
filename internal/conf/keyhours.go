package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Hours is a part of every day, in minutes since midnight. The minutes of both ends
// belong to it. It goes over midnight if From is after To.
type Hours struct{ From, To int }

// Has reports whether t is within the hours, in the time zone of t.
func (h Hours) Has(t time.Time) bool {
	now := t.Hour()*60 + t.Minute()
	if h.From > h.To {
		return now >= h.From || now <= h.To
	}
	return h.From <= now && now <= h.To
}

// ParseHours reads "8:00-17:30".
func ParseHours(s string) (h Hours, ok bool) {
	from, to, found := strings.Cut(s, "-")
	a, ok1 := minuteOfDay(from)
	b, ok2 := minuteOfDay(to)
	return Hours{a, b}, found && ok1 && ok2
}

// minuteOfDay reads "17:30".
func minuteOfDay(s string) (minute int, ok bool) {
	hours, minutes, _ := strings.Cut(s, ":")
	h, err := strconv.ParseUint(hours, 10, 16)
	m, err2 := strconv.ParseUint(minutes, 10, 16)
	return int(h*60 + m), err == nil && err2 == nil && h < 24 && m < 60
}

// hours reads one or more parts of a day.
func (d *draft) hours(k *Keys, v []Word) {
	k.Hours = nil
	for _, w := range v {
		h, ok := ParseHours(w.Text)
		if !ok {
			d.bad(w, 0, "expected such as 08:00-17:30")
		}
		k.Hours = append(k.Hours, h)
	}
}

// maxLoad reads a load average above 0.
func (d *draft) maxLoad(k *Keys, v []Word) {
	n, err := strconv.ParseFloat(v[0].Text, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		d.bad(v[0], 0, "expected a number above 0, such as 2.5")
	}
	k.MaxLoad = n
}

// Shut says why a service is closed to all clients at now, a local time, and by which
// key; both are "" if it is open. It calls load, which returns the load average of the
// machine, only if max_load is in force.
func (k *Keys) Shut(now time.Time, load func() float64) (why, key string) {
	if k == nil {
		return "", ""
	}
	if k.MaxLoad > 0 {
		if is := load(); !(is < k.MaxLoad) {
			return fmt.Sprintf("load %.2f", is), "max_load"
		}
	}
	for _, h := range k.Hours {
		if h.Has(now) {
			return "", ""
		}
	}
	if k.Hours != nil {
		return "closed at this hour", "hours"
	}
	return "", ""
}

// Shuts reports whether the service may be closed to all clients for a while.
func (k *Keys) Shuts() bool { return k != nil && (k.Hours != nil || k.MaxLoad > 0) }

// wrapName reads the name of the service in hosts.allow.
func (d *draft) wrapName(k *Keys, v []Word) {
	k.WrapName = strings.Clone(v[0].Text)
	if v[0].Text == "" || strings.ContainsAny(v[0].Text, " \t:@,") {
		d.bad(v[0], 0, "expected a word without blanks, commas, colons and @")
	}
}

// Forever is longer than any daemon runs.
const Forever = time.Duration(math.MaxInt64)

// sensor reads for how long a client is remembered.
func (d *draft) sensor(k *Keys, v []Word) {
	if k.Sensor = Forever; v[0].Text == "forever" {
		return
	}
	var ok bool
	if k.Sensor, ok = parseDuration(v[0].Text); !ok {
		d.bad(v[0], 0, "expected a time such as 10m or 2h, or forever")
	}
}
