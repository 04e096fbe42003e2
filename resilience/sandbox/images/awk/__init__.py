"""`awk`: its language as POSIX has it, read (`awk_words`, `awk_parser`) and run (`awk_machine`)."""
