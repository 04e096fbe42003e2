"""The ledger: writes at an open rate, journalled before they are sent, and read again at the end.

It proves loss: a write that was acknowledged and is not there after healing. What it does not
prove is that other code paths lose nothing. The rules are those of Jepsen's set-full checker.
"""
