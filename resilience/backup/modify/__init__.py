"""Changes that a restore makes to objects on request: images, replicas, patches from a file."""
