"""Admission webhooks and conversion webhooks: which are called, how, and the effect of their
answers."""
