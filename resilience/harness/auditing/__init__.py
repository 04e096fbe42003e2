"""The rules of the audit as pytest items."""
