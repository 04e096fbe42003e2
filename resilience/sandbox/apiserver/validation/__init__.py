"""What values mean: the rules behind a 422, with the real server's texts."""
