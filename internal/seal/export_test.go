package seal

import "context"

// Maintain lets tests do what Run does at every tick.
func Maintain(ctx context.Context, s *Sealer) error { return s.maintain(ctx) }
