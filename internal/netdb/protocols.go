package netdb

import (
	"strconv"
	"strings"
)

// ParseProtocols reads the text of a protocols file and returns the number of
// every name and alias in it. Numbers can exceed the 8 bits of the IP header:
// Multipath TCP is 262 in Linux.
func ParseProtocols(text string) map[string]int {
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		name, rest := field(uncomment(line))
		number, aliases := field(rest)
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue
		}
		for ; name != ""; name, aliases = field(aliases) {
			if _, taken := numbers[name]; !taken {
				numbers[name] = int(n)
			}
		}
	}
	return numbers
}
