package ops

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/keyring"
)

// scrapeTimeout bounds what a scrape asks of the store.
const scrapeTimeout = 2 * time.Second

// Metrics of a server; docs/metrics.md explains each, and a test compares the two.
var (
	metricRequests = desc("sealring_http_requests_total", "Answered requests by room and class of status.", "room", "status")
	metricDuration = desc("sealring_http_request_duration_seconds", "How long requests took, by room.", "room")
	metricEvents   = desc("sealring_audit_events_total", "Events put on record: sign-ins, writes, refusals; reason is empty for what succeeded.", "kind", "outcome", "reason")
	metricFailures = desc("sealring_audit_failures_total", "Writes to the audit log that failed; what they describe was refused.")
	metricWaiting  = desc("sealring_audit_waiting", "Requests that wait for their record to be durable.")
	metricRepeats  = desc("sealring_token_repeats_total", "Cached tokens handed to a process that had them already; the first time is an event of kind signin.")
	metricWrites   = desc("sealring_store_writes_total", "Write transactions that have begun.")
	metricStopped  = desc("sealring_store_stopped", "1 while the store takes no writes.")
	metricBehind   = desc("sealring_feed_behind_seconds", "How old what is held in memory may be.")
	metricKeyAge   = desc("sealring_signing_key_age_seconds", "For how long the key that signs has signed.")
	metricKeyNext  = desc("sealring_signing_key_expires_seconds", "Until the key that signs stops signing; absent without a date.")
	metricKeys     = desc("sealring_signing_keys", "Signing keys by state.", "state")
	metricEpoch    = desc("sealring_restores", "How often the installation was restored from a backup.")
	metricBackup   = desc("sealring_last_backup_age_seconds", "Since the newest backup made by sealring backup; absent before the first.")
	metricFetches  = desc("sealring_federation_key_fetches_total", "Fetches of outside issuers' keys, by outcome.", "outcome")
	metricBuild    = desc("sealring_build_info", "1, with the release.", "version")
)

// desc describes a metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Readings are what a server counts and knows at one moment. What could not be read is zero.
type Readings struct {
	Now           time.Time
	Rooms         []httpd.RoomCounts
	Events        map[audit.Counted]uint64
	AuditFailures uint64
	AuditWaiting  int
	Repeats       uint64 // cached tokens that a process got again
	Fetched       int64  // outside issuers' keys, and how often that failed
	Unfetched     int64
	Writes        int64
	Stopped       bool          // the store takes no writes
	Behind        time.Duration // how old what is held in memory may be
	Keys          []keyring.Key
	Restores      int64
	LastBackup    time.Time // zero: never
}

// metrics shows readings. It is a prometheus.Collector.
type metrics struct {
	version string
	now     Readings
}

// scraped answers scrapes: the server's own metrics, the Go runtime's and the process's. A
// collector gets no context, so each scrape has its own.
func scraped(version string, read func(context.Context) Readings) http.Handler {
	runtime, process := collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout)
		defer cancel()
		all := prometheus.NewRegistry()
		all.MustRegister(metrics{version, read(ctx)}, runtime, process) // three that describe nothing alike
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// Describe implements prometheus.Collector.
func (metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		metricRequests, metricDuration, metricEvents, metricFailures, metricWaiting, metricRepeats, metricWrites, metricStopped, metricBehind,
		metricKeyAge, metricKeyNext, metricKeys, metricEpoch, metricBackup, metricFetches, metricBuild,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. What cannot be read is left out.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	now := m.now
	for _, r := range now.Rooms {
		for class, n := range r.Status {
			if n > 0 {
				count(metricRequests, float64(n), r.Room, strconv.Itoa(class)+"xx")
			}
		}
		ch <- prometheus.MustNewConstHistogram(metricDuration, r.Total, r.Seconds, r.Within, r.Room)
	}
	for k, n := range now.Events {
		count(metricEvents, float64(n), string(k.Kind), string(k.Outcome), k.Reason)
	}
	count(metricFailures, float64(now.AuditFailures))
	gauge(metricWaiting, float64(now.AuditWaiting))
	count(metricRepeats, float64(now.Repeats))
	count(metricFetches, float64(now.Fetched), "ok")
	count(metricFetches, float64(now.Unfetched), "failed")
	count(metricWrites, float64(now.Writes))
	gauge(metricStopped, truth(now.Stopped))
	gauge(metricBehind, now.Behind.Seconds())
	gauge(metricEpoch, float64(now.Restores))
	gauge(metricBuild, 1, m.version)
	if !now.LastBackup.IsZero() {
		gauge(metricBackup, now.Now.Sub(now.LastBackup).Seconds())
	}
	now.keys(gauge)
}

// keys shows the signing keys.
func (r Readings) keys(gauge func(*prometheus.Desc, float64, ...string)) {
	states := map[keyring.State]float64{}
	for _, k := range r.Keys {
		states[k.State]++
		if k.State != keyring.Active {
			continue
		}
		gauge(metricKeyAge, r.Now.Sub(k.ActiveFrom).Seconds())
		if !k.ActiveUntil.IsZero() {
			gauge(metricKeyNext, k.ActiveUntil.Sub(r.Now).Seconds())
		}
	}
	for state, n := range states {
		gauge(metricKeys, n, string(state))
	}
}

// truth is 1 for true.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
