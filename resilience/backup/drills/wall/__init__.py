"""What keeps a drill's copy from reaching anything, and the proof that it does."""
