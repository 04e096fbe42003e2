"""How a ledger writes to and reads from a store: one file for each kind of store."""
