"""Actions on workloads: restart, scale, image, suspend, run a Job."""
