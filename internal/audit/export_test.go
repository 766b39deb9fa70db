package audit

// For tests that forge records and drive the schedule.
var (
	Link  = link
	Clean = clean
)

// Prune runs retention once.
var Prune = (*Checkpoints).prune

// MakeCheckpoint makes one; "time" is that of the schedule.
var MakeCheckpoint = (*Checkpoints).checkpoint

// VerifyIn verifies in a transaction, which may have changed something.
var VerifyIn = (*Checkpoints).verify
