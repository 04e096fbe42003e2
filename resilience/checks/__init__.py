"""What must hold: one module per check."""
