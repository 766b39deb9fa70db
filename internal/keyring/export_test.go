package keyring

import "context"

// Maintain lets tests do what Run does at every tick.
func Maintain(ctx context.Context, k *Keyring) error { return k.maintain(ctx) }
