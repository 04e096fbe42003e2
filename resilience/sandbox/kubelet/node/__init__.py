"""The node itself: registration, heartbeats, status writes, resync."""
