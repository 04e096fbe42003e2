"""The leaf room: values and records that every other room speaks in. Imports nothing of ours."""
