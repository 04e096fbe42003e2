"""One connection to an API server: HTTP, WebSocket, streams, pace."""
