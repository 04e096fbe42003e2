"""Which requests may be sent to a cluster: permits, and what a request changes beyond its own
object."""
