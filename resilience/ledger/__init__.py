"""The ledger: writes at an open rate, journalled before they are sent, and read again at the end.

It proves loss: a write that was acknowledged but is missing after healing. It does not prove that
other code paths lose nothing. The rules are those of Jepsen's set-full checker.
"""
