"""What controllers are built on: the work queue, their context, indexes."""
