"""The sandbox's API server: registry, HTTP, discovery, watch. It hosts the controllers."""
