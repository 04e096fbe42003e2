"""Actions that take and restore snapshots inside of a scenario."""
