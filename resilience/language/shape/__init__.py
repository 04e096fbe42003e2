"""The shapes of records: their keys, and the messages about wrong ones."""
