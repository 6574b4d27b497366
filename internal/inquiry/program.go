package inquiry

import (
	"cmp"
	"os"
	"strconv"
	"strings"

	"inetd/internal/child"
	"inetd/internal/command"
	"inetd/internal/compile"
	"inetd/internal/environ"
	"inetd/internal/getent"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/table"
	"inetd/internal/wrap"
)

// prepare makes the program to be started in place of the service's, if there is to be
// one: a command, or the server with another environment or user.
func (d *Desk) prepare(a *wrap.Answer, do *table.Action) *child.Program {
	other := a.Env != nil || a.AsUser != "" || a.AsGroup != "" || a.Umask >= 0 || a.Nice != 0
	if a.Twist == "" && (!other || !a.Allow || do.Internal() || do.Passes()) {
		return nil
	}
	g, err := d.programFor(a, do)
	a.Refuse(err)
	return g
}

func (d *Desk) programFor(a *wrap.Answer, do *table.Action) (*child.Program, error) {
	cred, err := d.credentialFor(a, do)
	if err != nil {
		return nil, err
	}
	setup := compile.Setup(do.Keys)
	setup.Nice += a.Nice
	if a.Umask >= 0 {
		setup.HasUmask, setup.Umask = true, uint32(a.Umask)
	}
	env := compile.Environment(do.Keys, environ.Common(os.Environ(), d.options.KeepEnv))
	profile, err := d.starter.Profile(environ.With(env, a.Env), cred, setup)
	if err != nil {
		return nil, err
	}
	if a.Twist != "" {
		return profile.Program(command.Shell, []string{"sh", "-c", a.Twist})
	}
	return compile.Program(profile, do.Action, do.Keys, strings.Split(do.Argv, "\x00"))
}

// credentialFor looks up the user of the entry, or the one that the rule names instead.
func (d *Desk) credentialFor(a *wrap.Answer, do *table.Action) (*child.Credential, error) {
	who := do.User
	if a.AsUser != "" {
		who = plan.User{Name: a.AsUser, Group: a.AsGroup}
	} else if a.AsGroup != "" {
		who = plan.User{Name: cmp.Or(who.Name, strconv.Itoa(os.Geteuid())), Group: a.AsGroup}
	}
	host := machine.Host() // which may read files: this runs beside the loop
	host.Getent = getent.New(d.commands.FirstLine)
	accounts, err := host.OpenAccounts()
	if err != nil {
		return nil, err
	}
	id, err := host.Identity(accounts, who)
	return compile.Credential(id), err
}
