"""Where an inventory comes from: files, standard input, a live cluster."""
