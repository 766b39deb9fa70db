package arm

import (
	"strings"

	"github.com/sealring/sealring/internal/resource"
)

// Precondition returns the conditions on the entity tag that the client sent (CP §2.8).
func (r *Request) Precondition() resource.Precondition {
	return resource.Precondition{IfMatch: r.Header("If-Match"), IfNoneMatch: r.Header("If-None-Match")}
}

// tagListed reports whether header, a list of entity tags or "*", holds tag.
func tagListed(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}
