package edm

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/odata"
)

// Source is a collection of entities in the order of their ids.
type Source interface {
	// From yields the entities behind the id after ("" starts).
	From(after string) iter.Seq[Entity]
}

// Slice is a Source over a list that is ordered by id. keep, which may be nil, leaves
// elements out.
type Slice[T any] struct {
	List   []T
	ID     func(T) string
	Entity func(T) (e Entity, ok bool)
}

// From implements Source.
func (s Slice[T]) From(after string) iter.Seq[Entity] {
	at, found := slices.BinarySearchFunc(s.List, after, func(v T, id string) int { return strings.Compare(s.ID(v), id) })
	if found {
		at++
	}
	return func(yield func(Entity) bool) {
		for _, v := range s.List[at:] {
			if e, ok := s.Entity(v); ok && !yield(e) {
				return
			}
		}
	}
}

// Position is where a page goes on: behind an entity, which is named by its place in the order.
type Position struct {
	Keys []string `json:"k,omitempty"` // values of the properties of $orderby
	ID   string   `json:"i,omitempty"`
}

// Page takes up to limit entities that match out of a source, behind a position; next is
// where the page after it goes on, nil where there is none.
func Page(src Source, match func(Entity) bool, order []odata.Order, after Position, limit int) (page []Entity, next *Position) {
	if len(order) == 0 {
		for e := range src.From(after.ID) {
			if !match(e) {
				continue
			}
			if len(page) == limit {
				return page, &Position{ID: page[limit-1].ID}
			}
			page = append(page, e)
		}
		return page, nil
	}
	type placed struct {
		Entity
		at Position
	}
	var all []placed
	for e := range src.From("") {
		if match(e) {
			at := Position{ID: e.ID}
			for _, o := range order {
				at.Keys = append(at.Keys, strings.ToLower(text(e.value(o.Property))))
			}
			if after.ID == "" || compareOrdered(order, at, after) > 0 {
				all = append(all, placed{e, at})
			}
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return compareOrdered(order, a.at, b.at) })
	for _, p := range all[:min(limit, len(all))] {
		page = append(page, p.Entity)
	}
	if len(all) > limit {
		return page, &all[limit-1].at
	}
	return page, nil
}

// compareOrdered compares places by the properties of $orderby and then by id.
func compareOrdered(order []odata.Order, a, b Position) int {
	for i, o := range order {
		if i >= len(a.Keys) || i >= len(b.Keys) {
			break
		}
		c := strings.Compare(a.Keys[i], b.Keys[i])
		if o.Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(a.ID, b.ID)
}

// Count counts the entities of a source that match.
func Count(src Source, match func(Entity) bool) int {
	n := 0
	for e := range src.From("") {
		if match(e) {
			n++
		}
	}
	return n
}
