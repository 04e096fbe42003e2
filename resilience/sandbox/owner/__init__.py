"""Starting and ending a sandbox: supervisor, reaper, the command line, detached sandboxes."""
