"""Is the copy the same as the recorded object? Shares no rule with the restore that it proves.."""
