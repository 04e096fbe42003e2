"""Admission webhooks and conversion webhooks: which are asked, how, and what their answer does."""
