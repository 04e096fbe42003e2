"""What a verb is given and which verbs exist.

Third parties write their verbs against this room.
"""
