"""What runs in the Pod of a prober that needs this package in its image."""
