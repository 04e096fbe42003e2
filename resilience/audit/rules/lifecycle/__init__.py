"""What ends by itself, and what stops others: certificates, API versions, webhooks."""
