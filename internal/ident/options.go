package ident

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Hour

	maxToken = 64 // RFC 1413 section 6, note 3
)

// defaultOS tells the client that the user is a login name (RFC 1413 section
// 5). FreeBSD sends the name of the kernel, which fewer clients understand.
const defaultOS = "UNIX"

// Options say what to answer. They are what the words after "internal" ask for in the
// configuration line, as in FreeBSD's inetd(8).
type Options struct {
	Real     bool          // -r: tell the owner; without it every user is hidden
	UIDs     bool          // -i: tell the number of the user, not the name
	Garbage  bool          // -g: tell a random word wherever a name would be told
	Fallback string        // -d: the name to tell in place of an error, "" for none
	OS       string        // -o: the operating system to name, "UNIX" if not given
	Timeout  time.Duration // -t: how long a client may take, 10 s if not given

	// CannotHide is -n, with which FreeBSD hides users who have a ~/.noident. This
	// daemon opens no file of a user, so -n changes nothing: the caller warns of that.
	CannotHide bool
}

// ParseOptions reads the arguments after the program's name, in the manner of
// getopt(3): letters may share a word and a value may be glued to its letter.
// FreeBSD's -f and -F, which tell what a user's ~/.fakeid says, are errors.
func ParseOptions(args []string) (Options, error) {
	o := Options{OS: defaultOS, Timeout: defaultTimeout}
	for len(args) > 0 {
		word := args[0]
		letters, ok := strings.CutPrefix(word, "-")
		if !ok || letters == "" {
			return Options{}, fmt.Errorf("unexpected argument %q, want options only", word)
		}
		rest, err := o.parseWord(letters, args[1:])
		if err != nil {
			return Options{}, err
		}
		args = rest
	}
	return o, nil
}

// parseWord parses the letters of one word. args are the words after it; the first of
// them may be the value of the last letter. It returns the rest of args.
func (o *Options) parseWord(letters string, args []string) ([]string, error) {
	for i := range len(letters) {
		letter, value := letters[i], letters[i+1:]
		if !strings.Contains("dot", letters[i:i+1]) {
			if err := o.setFlag(letter); err != nil {
				return nil, err
			}
			continue
		}
		if value == "" && len(args) == 0 {
			return nil, fmt.Errorf("option -%c needs a value", letter)
		}
		if value == "" {
			value, args = args[0], args[1:]
		}
		return args, o.setValue(letter, value)
	}
	return args, nil
}

func (o *Options) setFlag(letter byte) error {
	switch letter {
	case 'r':
		o.Real = true
	case 'i':
		o.UIDs = true
	case 'g':
		o.Garbage = true
	case 'n':
		o.CannotHide = true
	case 'f', 'F':
		return fmt.Errorf("option -%c is refused: no user's .fakeid is ever read", letter)
	default:
		return fmt.Errorf("unknown option %q, want -d, -g, -i, -n, -o, -r or -t", "-"+string(rune(letter)))
	}
	return nil
}

func (o *Options) setValue(letter byte, value string) (err error) {
	switch letter {
	case 'd':
		o.Fallback = value
		if value == "" || len(value) > maxUser || strings.ContainsFunc(value, unicode.IsControl) {
			err = fmt.Errorf("bad user name %q after -d", value)
		}
	case 'o':
		o.OS = value
		if !isToken(value) {
			err = fmt.Errorf("bad operating system %q after -o, want up to %d of A-Z a-z 0-9 . _ / -", value, maxToken)
		}
	case 't':
		o.Timeout, err = parseTimeout(value)
	}
	return err
}

// isToken reports whether value may name an operating system. RFC 1413 allows
// more characters, but a colon or a comma would shift the fields after it.
func isToken(value string) bool {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-"
	return value != "" && len(value) <= maxToken && strings.Trim(value, chars) == ""
}

// parseTimeout parses seconds, with or without a decimal fraction.
func parseTimeout(value string) (time.Duration, error) {
	timeout, err := time.ParseDuration(value + "s")
	if err != nil || strings.Trim(value, "0123456789.") != "" || timeout <= 0 || timeout > maxTimeout {
		return 0, fmt.Errorf("bad time-out %q after -t, want seconds, more than 0 and at most %d", value, maxTimeout/time.Second)
	}
	return timeout, nil
}
