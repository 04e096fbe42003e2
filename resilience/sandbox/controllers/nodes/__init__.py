"""Node health, taint eviction, Pod garbage collection."""
