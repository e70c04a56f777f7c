"""What is backed up: trees and buckets, read while others may write them.

In: a path or URL, and what of it is chosen.
Out: entries in key order; then attributes and bytes, each consistent or named.
`interface` says what a source promises.
"""
