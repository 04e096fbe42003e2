"""Where a cluster is and how to authenticate; the embedded cluster's life."""
