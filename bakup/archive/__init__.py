"""An archive is a target that is open, with what is known of it: layout, account, catalog, state.

In: a place as the user typed it, its options, the BAKUP_HOME.
Out: an open target whose catalog is up to date; sources and check points by the names users give them.
Of what check points hold: entries at a moment, and verified bytes at any place, for any thread.
It stops where a target is not what the user thinks it is.
"""
