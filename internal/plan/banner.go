package plan

import (
	"fmt"

	"inetd/internal/conf"
	"inetd/internal/strerror"
	"inetd/internal/textfile"
)

// maxBanner is the longest text of a banner, in bytes. Two banners must fit into every
// empty send buffer.
const maxBanner = 4 << 10

// banners reads the texts that are sent to an entry's clients. A banner that cannot be
// read is not sent, but its clients are served.
func (l *loader) banners(e *conf.Entry, do *Action) {
	if e.Keys == nil {
		return
	}
	for key, path := range map[string]string{"banner": e.Keys.Banner, "banner_success": e.Keys.BannerSuccess, "banner_fail": e.Keys.BannerFail} {
		switch {
		case path == "":
		case do.Mode != Accept:
			l.report(e, e.Keys.At(key), conf.Warning, e.Keys.Written(key)+" has no effect: a text is sent on a connection that the daemon accepts", "")
		default:
			if why := l.banner(path); why != "" {
				l.report(e, e.Keys.At(key), conf.Warning, fmt.Sprintf("%s %s: %s, so nothing is sent", e.Keys.Written(key), path, why), "")
			}
		}
	}
}

// banner reads a text once in a load, and says why it cannot be read; "": it can.
func (l *loader) banner(path string) (why string) {
	if _, known := l.plan.Banners[path]; known {
		return ""
	}
	if l.unreadable == nil {
		l.plan.Banners, l.unreadable = map[string]string{}, map[string]string{}
	}
	if why, known := l.unreadable[path]; known {
		return why
	}
	l.plan.Watch = append(l.plan.Watch, path)
	text, err := textfile.Read(path, maxBanner)
	if err != nil {
		l.unreadable[path] = strerror.Cause(err)
		return l.unreadable[path]
	}
	l.plan.Banners[path] = text
	return ""
}
