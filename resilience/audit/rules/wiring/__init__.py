"""Services, and the names that objects call each other by."""
