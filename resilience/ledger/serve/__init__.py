"""A small durable store to try ledgers on, with switches that make it wrong on purpose."""
