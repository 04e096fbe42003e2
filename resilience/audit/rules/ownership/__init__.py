"""Who is called when it breaks."""
