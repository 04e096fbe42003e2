"""What a namespace should have."""
