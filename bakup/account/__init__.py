"""Accounts: the 24 words, the keys that come from them, and the file that keeps them on this computer.

In: words or a passphrase; plain bytes to seal, sealed bytes to open.
Out: keys, signatures; the same bytes sealed or opened, or an error: never a guess.
Secrets never leave this room but as objects that seal, open and sign.
"""
