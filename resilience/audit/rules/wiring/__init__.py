"""Services, and references between objects."""
