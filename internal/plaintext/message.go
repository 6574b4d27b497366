package plaintext

import "strconv"

// Place returns a place in a file as compilers write it, FILE:LINE:COL. Without a column
// (0) it is the whole line, without a line the whole file.
func Place(file string, line, col int) string {
	switch {
	case line == 0:
		return file
	case col == 0:
		return file + ":" + strconv.Itoa(line)
	}
	return file + ":" + strconv.Itoa(line) + ":" + strconv.Itoa(col)
}

// Complaint returns a problem as one line: its place, its text and what to do about it.
// The place and the hint may be empty.
func Complaint(place, text, hint string) string {
	if place != "" {
		text = place + ": " + text
	}
	if hint != "" {
		text += "; " + hint
	}
	return text
}

// Count returns a number with its noun: "1 socket", "2 sockets".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
