package store

// The failpoints: places at which a build with the tag failpoints fails when
// SEALRING_FAILPOINT asks for it. Those of a transaction are passed by every write of every
// package; those of other packages call Failpoint themselves.
const (
	BeforeBegin  = "before-begin"            // a write was asked for
	AfterBegin   = "after-begin"             // its transaction holds the writer's lock
	BeforeCommit = "before-commit"           // all its statements are done
	AfterCommit  = "after-commit-before-ack" // it is durable and nobody knows
	AfterAck     = "after-ack"               // the answer has left for the client
	BeforeAudit  = "before-audit"            // the write is done and not yet on record
	AfterAudit   = "after-audit"             // the record is written, not committed
	BeforeFeed   = "before-feed"             // the change feed is about to be read
	MidMigration = "mid-migration"           // between two migrations
	MidRotation  = "mid-rotation"            // a new signing key is written, not committed
)

// Failpoints lists every failpoint; a test holds the documentation against it.
func Failpoints() []string {
	return []string{BeforeBegin, AfterBegin, BeforeCommit, AfterCommit, AfterAck, BeforeAudit, AfterAudit, BeforeFeed, MidMigration, MidRotation}
}
