"""The snapshots of a store: listed, verified, kept or deleted."""
