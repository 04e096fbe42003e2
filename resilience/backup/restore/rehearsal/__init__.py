"""What a dry run of a restore has to know beyond the API server's answers."""
