package condition

import (
	"strings"

	"github.com/sealring/sealring/internal/rbac/pattern"
)

// node is a part of a condition.
type node interface {
	eval(f Facts) Truth
	// print writes the node; tight is how tight the operator around it binds: 0 for none,
	// 1 for OR, 2 for AND, 3 for NOT.
	print(b *strings.Builder, tight int)
}

// junction is AND (all) or OR of two or more.
type junction struct {
	all bool
	of  []node
}

// eval is the least, or the greatest, value of the parts.
func (j *junction) eval(f Facts) Truth {
	decisive, result := True, False
	if j.all {
		decisive, result = False, True
	}
	for _, n := range j.of {
		switch v := n.eval(f); {
		case v == decisive:
			return v
		case v == Unknown:
			result = Unknown
		}
	}
	return result
}

// print implements node.
func (j *junction) print(b *strings.Builder, tight int) {
	word, binds := " OR ", 1
	if j.all {
		word, binds = " AND ", 2
	}
	if tight > binds {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, n := range j.of {
		if i > 0 {
			b.WriteString(word)
		}
		n.print(b, binds)
	}
}

// negation is NOT; it leaves Unknown unknown.
type negation struct{ of node }

// eval implements node.
func (n *negation) eval(f Facts) Truth { return True - n.of.eval(f) }

// print implements node.
func (n *negation) print(b *strings.Builder, _ int) {
	b.WriteByte('!')
	_, simple := n.of.(*negation)
	if !simple {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	n.of.print(b, 0)
}

// actionMatches asks about the action of the request.
type actionMatches struct{ pattern pattern.Pattern }

// eval implements node.
func (n *actionMatches) eval(f Facts) Truth { return truth(f.Matches(&n.pattern)) }

// print implements node.
func (n *actionMatches) print(b *strings.Builder, _ int) {
	b.WriteString("ActionMatches{" + quote(n.pattern.String()) + "}")
}

// subOperation asks about the part of the action.
type subOperation struct{ name string }

// eval implements node.
func (n *subOperation) eval(f Facts) Truth { return truth(f.SubOperation(n.name)) }

// print implements node.
func (n *subOperation) print(b *strings.Builder, _ int) {
	b.WriteString("SubOperationMatches{" + quote(n.name) + "}")
}

// existence asks whether an attribute is there.
type existence struct {
	wanted    bool
	attribute Attribute
}

// eval implements node.
func (n *existence) eval(f Facts) Truth {
	values, known := f.Values(&n.attribute)
	if !known {
		return Unknown
	}
	return truth((len(values) > 0) == n.wanted)
}

// print implements node.
func (n *existence) print(b *strings.Builder, _ int) {
	if !n.wanted {
		b.WriteString("Not")
	}
	b.WriteString("Exists " + n.attribute.String())
}

// truth turns a fact into a value.
func truth(fact bool) Truth {
	if fact {
		return True
	}
	return False
}

// String spells the attribute.
func (a Attribute) String() string {
	text := "@" + a.Source.String() + "["
	if a.written != "" {
		text += a.written + ":"
	}
	text += a.Name
	if a.Modifier != "" {
		text += "<$" + a.Modifier + "$>"
	}
	return text + "]"
}

// quantifier says how the sets of values on both sides are compared.
type quantifier uint8

// The quantifiers: of single values, and for any or all of the left side against any or
// all of the right one.
const (
	single quantifier = iota
	anyAny
	allAny
	anyAll
	allAll
)

// quantifiers are their names.
var quantifiers = [...]string{"", "ForAnyOfAnyValues", "ForAllOfAnyValues", "ForAnyOfAllValues", "ForAllOfAllValues"}

// literal is a value in a condition.
type literal struct {
	text   string
	quoted bool
	value  value
}

// comparison is attribute, function, value.
type comparison struct {
	left       Attribute
	quantifier quantifier
	function   function
	right      *Attribute // nil: literals
	literals   []literal
	braces     bool
}

// eval compares what is there. A value that is not of the kind the function compares makes
// the comparison Unknown, as do several values where one is expected.
func (c *comparison) eval(f Facts) Truth {
	var leftBuf, rightBuf [8]value
	left, state := c.values(f, &c.left, leftBuf[:0])
	if state != True {
		return state
	}
	right := rightBuf[:0]
	if c.right != nil {
		if right, state = c.values(f, c.right, right); state != True {
			return state
		}
	}
	for i := range c.literals {
		right = append(right, c.literals[i].value)
	}
	if c.quantifier == single && (len(left) > 1 || len(right) > 1) {
		return Unknown
	}
	return truth(c.compare(left, right))
}

// values reads an attribute: True with its values, False where it is absent, else Unknown.
func (c *comparison) values(f Facts, a *Attribute, into []value) ([]value, Truth) {
	texts, known := f.Values(a)
	if !known {
		return nil, Unknown
	}
	if len(texts) == 0 {
		return nil, False
	}
	for _, text := range texts {
		v, ok := c.function.family.read(text)
		if !ok {
			return nil, Unknown
		}
		into = append(into, v)
	}
	return into, True
}

// compare applies function and quantifier to two sets that are not empty.
func (c *comparison) compare(left, right []value) bool {
	everyLeft := c.quantifier == allAny || c.quantifier == allAll
	everyRight := c.quantifier == anyAll || c.quantifier == allAll
	for _, l := range left {
		found := everyRight
		for _, r := range right {
			if holds := c.function.holds(l, r); holds != everyRight {
				found = holds
				break
			}
		}
		if found != everyLeft {
			return found
		}
	}
	return everyLeft
}

// print implements node.
func (c *comparison) print(b *strings.Builder, _ int) {
	b.WriteString(c.left.String() + " ")
	if c.quantifier != single {
		b.WriteString(quantifiers[c.quantifier] + ":")
	}
	b.WriteString(c.function.name() + " ")
	if c.right != nil {
		b.WriteString(c.right.String())
		return
	}
	if c.braces {
		b.WriteByte('{')
		defer b.WriteByte('}')
	}
	for i, l := range c.literals {
		if i > 0 {
			b.WriteString(", ")
		}
		if l.quoted {
			b.WriteString(quote(l.text))
		} else {
			b.WriteString(l.text)
		}
	}
}

// unknowable is what stands for a condition that cannot be read.
type unknowable struct{}

// eval implements node.
func (unknowable) eval(Facts) Truth { return Unknown }

// print implements node.
func (unknowable) print(b *strings.Builder, _ int) { b.WriteString("?") }
