"""The command line: the same engine with no window. One file a command."""
