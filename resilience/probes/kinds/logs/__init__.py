"""The `log` probe: lines of Pods that must or must not appear."""
