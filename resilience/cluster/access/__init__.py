"""The location of a cluster and how to authenticate; the embedded cluster's life."""
