package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
)

// clean returns a JSON object without its null members and elements, at any depth (CP
// §2.10); numbers keep their digits. Empty input, null and {} become "". what names the
// member in the error. Errors: ErrInvalid.
func clean(what string, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value map[string]any
	if err := dec.Decode(&value); err != nil {
		return "", ErrInvalid.With("The member '%s' is not a JSON object.", what)
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", ErrInvalid.With("The member '%s' is followed by something that is not JSON.", what)
	}
	dropNulls(value)
	if len(value) == 0 {
		return "", nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", fmt.Errorf("encode %s: %w", what, err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// dropNulls removes nulls from value in place and returns it.
func dropNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
				continue
			}
			v[key] = dropNulls(member)
		}
	case []any:
		kept := v[:0]
		for _, element := range v {
			if element != nil {
				kept = append(kept, dropNulls(element))
			}
		}
		return kept
	}
	return value
}

// Limits of tags (CP §2.10).
const (
	maxTags     = 50
	maxTagKey   = 512
	maxTagValue = 256
)

// encodeTags checks tags and writes them as JSON, "" for none. Errors: ErrInvalid.
func encodeTags(tags map[string]string) (string, error) {
	if len(tags) == 0 {
		return "", nil
	}
	if len(tags) > maxTags {
		return "", ErrInvalid.With("A resource has at most %d tags.", maxTags)
	}
	seen := map[string]bool{}
	for key, value := range tags {
		folded := strings.ToLower(key)
		switch {
		case key == "" || len(key) > maxTagKey || strings.ContainsAny(key, `<>%&\?/`):
			return "", ErrInvalid.With("The tag name '%s' is not valid.", shortened(key))
		case len(value) > maxTagValue:
			return "", ErrInvalid.With("The value of the tag '%s' has more than %d characters.", shortened(key), maxTagValue)
		case seen[folded]:
			return "", ErrInvalid.With("The tag '%s' is given twice.", shortened(key))
		}
		seen[folded] = true
	}
	out, err := json.Marshal(tags)
	if err != nil {
		return "", fmt.Errorf("encode tags: %w", err)
	}
	return string(out), nil
}

// decodeTags is the inverse of encodeTags.
func decodeTags(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var tags map[string]string
	if err := json.Unmarshal([]byte(text), &tags); err != nil {
		return nil, fmt.Errorf("decode tags: %w", err)
	}
	return tags, nil
}

// CanonicalLocation returns the short name of a location: lower case without blanks, so
// that "West Europe" and "westeurope" are one (CP §2.10).
func CanonicalLocation(location string) string {
	return strings.ReplaceAll(strings.ToLower(location), " ", "")
}

// settleLocation decides the location to store: an absent one keeps the stored, a different
// one is refused. Errors: ErrLocationFixed.
func settleLocation(stored, asked string) (string, error) {
	asked = CanonicalLocation(asked)
	if stored == "" || asked == stored {
		return asked, nil
	}
	if asked != "" {
		return "", ErrLocationFixed.With("The location is '%s' and cannot be changed to '%s'.", stored, shortened(asked))
	}
	return stored, nil
}

// stamp says who writes now.
func (s *Service) stamp(ctx context.Context) Stamp {
	actor := audit.ActorFrom(ctx)
	by := string(actor.Object)
	if by == "" {
		by = actor.Name
	}
	return Stamp{At: s.now().UTC().Truncate(time.Second), By: by, ByType: actor.Type}
}
