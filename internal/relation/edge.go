package relation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// edgeKind is what an edge means.
type edgeKind string

// The kinds of edge; the texts are stored.
const (
	memberEdge edgeKind = "member" // group -> member
	ownerEdge  edgeKind = "owner"  // object -> owner
	roleEdge   edgeKind = "role"   // directory role template -> member
)

// end is one end of the edges of a kind: an object in its tenant.
type end struct {
	tenant id.Tenant
	kind   edgeKind
	object id.Object
}

// edge is one relation.
type edge struct {
	tenant id.Tenant
	kind   edgeKind
	source id.Object
	target id.Object
}

// key is the key of the edge in the change feed.
func (e edge) key() string {
	return "e/" + string(e.tenant) + "/" + string(e.kind) + "/" + string(e.source) + "/" + string(e.target)
}

// parseEdge is the inverse of key, of what follows "e/".
func parseEdge(text string) (edge, bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 {
		return edge{}, false
	}
	return edge{id.Tenant(parts[0]), edgeKind(parts[1]), id.Object(parts[2]), id.Object(parts[3])}, true
}

// edges are relations in memory, to be followed both ways. Lists are ordered by id, and
// replaced, never changed, once they can be read.
type edges struct {
	forward, back map[end][]id.Object
}

// newEdges returns no edges.
func newEdges() edges { return edges{map[end][]id.Object{}, map[end][]id.Object{}} }

// add puts edges in; many at once are sorted once.
func (m edges) add(list []edge) {
	if len(list) < 16 {
		for _, e := range list {
			from, to := end{e.tenant, e.kind, e.source}, end{e.tenant, e.kind, e.target}
			m.forward[from] = inserted(m.forward[from], e.target)
			m.back[to] = inserted(m.back[to], e.source)
		}
		return
	}
	m.addMany(list)
}

// addMany puts many edges in.
func (m edges) addMany(list []edge) {
	touched := map[end]bool{}
	put := func(in map[end][]id.Object, at end, o id.Object) {
		if !touched[at] {
			in[at] = slices.Clone(in[at])
			touched[at] = true
		}
		in[at] = append(in[at], o)
	}
	for _, e := range list {
		put(m.forward, end{e.tenant, e.kind, e.source}, e.target)
	}
	m.sortEach(m.forward, touched)
	clear(touched)
	for _, e := range list {
		put(m.back, end{e.tenant, e.kind, e.target}, e.source)
	}
	m.sortEach(m.back, touched)
}

// sortEach orders the touched lists and takes doubles out.
func (edges) sortEach(in map[end][]id.Object, touched map[end]bool) {
	for at := range touched {
		slices.Sort(in[at])
		in[at] = slices.Compact(in[at])
	}
}

// remove takes an edge out.
func (m edges) remove(e edge) {
	from, to := end{e.tenant, e.kind, e.source}, end{e.tenant, e.kind, e.target}
	set(m.forward, from, without(m.forward[from], e.target))
	set(m.back, to, without(m.back[to], e.source))
}

// set keeps a list, or nothing where it is empty.
func set(in map[end][]id.Object, at end, list []id.Object) {
	if len(list) == 0 {
		delete(in, at)
		return
	}
	in[at] = list
}

// inserted is a new list with o in its place.
func inserted(list []id.Object, o id.Object) []id.Object {
	i, found := slices.BinarySearch(list, o)
	if found {
		return list
	}
	out := make([]id.Object, 0, len(list)+1)
	return append(append(append(out, list[:i]...), o), list[i:]...)
}

// without is a new list that o is not in.
func without(list []id.Object, o id.Object) []id.Object {
	i, found := slices.BinarySearch(list, o)
	if !found {
		return list
	}
	out := make([]id.Object, 0, len(list))
	return append(append(out, list[:i]...), list[i+1:]...)
}

// insertEdge writes an edge. Errors: ErrRelationExists.
func (s *Service) insertEdge(ctx context.Context, tx *store.Tx, e edge) error {
	var at int64
	found, err := tx.Get(ctx, "SELECT created_at FROM relation_edges WHERE tenant_id = $1 AND kind = $2 AND source = $3 AND target = $4",
		[]any{string(e.tenant), string(e.kind), string(e.source), string(e.target)}, &at)
	if err != nil {
		return fmt.Errorf("look for %s of %s: %w", e.kind, e.source, err)
	}
	if found {
		return ErrRelationExists
	}
	_, err = tx.Exec(ctx, "INSERT INTO relation_edges (tenant_id, kind, source, target, created_at) VALUES ($1, $2, $3, $4, $5)",
		string(e.tenant), string(e.kind), string(e.source), string(e.target), s.now().UTC().Truncate(time.Second).Unix())
	if err != nil {
		return fmt.Errorf("insert %s of %s: %w", e.kind, e.source, err)
	}
	tx.Changed(Topic, e.key())
	return nil
}

// deleteEdge removes an edge. Errors: ErrRelationNotFound.
func (s *Service) deleteEdge(ctx context.Context, tx *store.Tx, e edge) error {
	n, err := tx.Exec(ctx, "DELETE FROM relation_edges WHERE tenant_id = $1 AND kind = $2 AND source = $3 AND target = $4",
		string(e.tenant), string(e.kind), string(e.source), string(e.target))
	if err != nil {
		return fmt.Errorf("delete %s of %s: %w", e.kind, e.source, err)
	}
	if n == 0 {
		return ErrRelationNotFound
	}
	tx.Changed(Topic, e.key())
	return nil
}
