"""The snapshots of a store: listed, verified, kept or let go."""
