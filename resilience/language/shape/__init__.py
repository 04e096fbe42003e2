"""The shapes of records: which keys there are, and what is said about wrong ones."""
