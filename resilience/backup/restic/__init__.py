"""restic as an engine for the data of volumes and dumps."""
