"""What owns an object, directly or not, as the cluster shows it now."""
