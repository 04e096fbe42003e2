"""Discovery, OpenAPI and the version."""
