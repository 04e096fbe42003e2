"""What is known about a snapshot that is not complete yet."""
