"""What a run saw: victims, their owners, watch events, and the verdict that follows."""
