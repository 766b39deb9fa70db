package pattern

// Set is a set of patterns: those without a star by name, the others in order.
type Set struct {
	exact map[string]struct{}
	wild  []Pattern
}

// CompileSet prepares patterns.
func CompileSet(texts []string) Set {
	var set Set
	for _, text := range texts {
		p := Compile(text)
		if !p.literal {
			set.wild = append(set.wild, p)
			continue
		}
		if set.exact == nil {
			set.exact = map[string]struct{}{}
		}
		set.exact[p.head] = struct{}{}
	}
	return set
}

// Has reports whether some pattern of the set matches the folded action.
func (s *Set) Has(action []byte) bool {
	if _, ok := s.exact[string(action)]; ok {
		return true
	}
	for i := range s.wild {
		if s.wild[i].Match(action) {
			return true
		}
	}
	return false
}

// Stars is the number of patterns with a star.
func (s *Set) Stars() int { return len(s.wild) }
