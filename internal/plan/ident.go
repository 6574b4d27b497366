package plan

import (
	"strings"

	"inetd/internal/conf"
	"inetd/internal/ident"
)

// identOptions parses the arguments of the builtin auth, or reports what is wrong with
// them.
func (l *loader) identOptions(e *conf.Entry, into *ident.Options) bool {
	o, err := ident.ParseOptions(identWords(e.Argv))
	if err != nil {
		l.report(e, e.Cols[conf.ColArgs], conf.Error, err.Error(), "")
		return false
	}
	if o.CannotHide && o.Real {
		l.report(e, e.Cols[conf.ColArgs], conf.Warning, "option -n hides nobody: no user's .noident is ever read", "")
	}
	*into = o
	return true
}

// identWords leaves out the name of the builtin, which may come first.
func identWords(argv []string) []string {
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		return argv[1:]
	}
	return argv
}
