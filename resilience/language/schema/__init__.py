"""The JSON Schema for editors, from the same shapes."""
