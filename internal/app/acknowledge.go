package app

import (
	"net/http"

	"github.com/sealring/sealring/internal/store"
)

// acknowledged passes the failpoint after-ack once an answer is on its way to the client.
// Builds without failpoints get h itself.
func acknowledged(h http.Handler) http.Handler {
	if !store.FailpointsBuilt {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		_ = http.NewResponseController(w).Flush()
		_ = store.Failpoint(store.AfterAck)
	})
}
