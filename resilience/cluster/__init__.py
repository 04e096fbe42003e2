"""The only room that talks to Kubernetes. Objects are raw JSON mappings."""
