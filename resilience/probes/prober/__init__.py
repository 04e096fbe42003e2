"""The agent that sends requests, how it is started, and how its samples are read."""
