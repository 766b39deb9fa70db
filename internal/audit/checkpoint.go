package audit

// checkpointRecords is after how many records a checkpoint is due.
const checkpointRecords = 1000
