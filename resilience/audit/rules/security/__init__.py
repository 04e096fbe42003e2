"""What a broken process may reach."""
