"""Check points as a file system of FUSE."""
