package rbac

// Stream is Compile for more assignments than a test wants to hold.
func Stream(definitions []*Definition, each func(yield func(*Assignment))) *Policy {
	var b book
	return b.fill(definitions, nil, each)
}

// Len is the number of assignments.
func (p *Policy) Len() int { return p.set.Len() }
