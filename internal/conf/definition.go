package conf

func startsDefinition(s string) bool { return false }
func (r *reader) definition()        {}
