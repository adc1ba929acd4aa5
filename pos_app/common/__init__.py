"""What every room stands on: clock, errors, files, HTTP, paths, threads. Knows nothing of sales."""
