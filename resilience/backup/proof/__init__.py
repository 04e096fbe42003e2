"""Whether the copy equals the recorded object. Shares no rule with the restore that it proves."""
