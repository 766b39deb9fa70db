package bearer

// Cached lets tests count what is remembered.
func Cached(a *Authenticator) int { return a.known.order.Len() }
