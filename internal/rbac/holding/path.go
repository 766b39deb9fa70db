package holding

import (
	"math/bits"
	"strings"
)

// Path is a scope with the ends of the scopes above it, as deep as somebody asked.
type Path struct {
	key  string
	ends [34]uint16 // by depth
	deep int        // the greatest depth in ends
	rest int        // the depth of the scope where it is deeper than ends, else 0
}

// Cut fills the path down to the given depth; beyond the last depth that has a bit of its
// own, down to the scope itself.
func (p *Path) Cut(key string, depths uint32) {
	p.key = key
	if len(key) < 2 {
		return
	}
	deepest := bits.Len32(depths) - 1
	i := 1
	if len(key) > subscriptionEnd && key[subscriptionEnd] == '/' && key[:len(subscriptionStart)] == subscriptionStart {
		p.ends[1], p.ends[2], p.deep = uint16(len(subscriptionStart)-1), uint16(subscriptionEnd), 2
		i = subscriptionEnd + 1
	}
	for p.deep < deepest || deepest == DeepestBit {
		n := strings.IndexByte(key[i:], '/')
		end := i + n
		if n < 0 {
			end = len(key)
		}
		if p.deep+1 == len(p.ends) {
			p.rest = p.deep + 1 + strings.Count(key[i:], "/")
			return
		}
		p.deep++
		p.ends[p.deep] = uint16(end)
		if n < 0 {
			return
		}
		i = end + 1
	}
}

// How the keys of subscriptions and all below them begin, and where the key of the
// subscription ends.
const (
	subscriptionStart = "/subscriptions/"
	subscriptionEnd   = len(subscriptionStart) + 36
)

// Bottom is the greatest depth to look at.
func (p *Path) Bottom() int { return max(p.deep, p.rest) }

// At returns the key of the scope with that depth, which is not 0.
func (p *Path) At(depth int) string {
	if depth <= p.deep {
		return p.key[:p.ends[depth]]
	}
	key := p.key
	for n := p.rest; n > depth; n-- {
		key = key[:strings.LastIndexByte(key, '/')]
	}
	return key
}
