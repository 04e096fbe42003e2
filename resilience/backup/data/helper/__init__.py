"""The Pod that mounts a claim for a backup or a restore."""
