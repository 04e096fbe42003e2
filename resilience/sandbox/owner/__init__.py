"""Who starts and ends a sandbox: supervisor, reaper, the command line, detached sandboxes."""
