"""Taking a snapshot: what it covers, listing it, writing it."""
