"""Objects that expire, or that block others: certificates, API versions, webhooks."""
