"""The background duties, one file each: `run()` works until it is cancelled, and the supervisor begins it again."""
