"""What expires, and what blocks others: certificates, API versions, webhooks."""
