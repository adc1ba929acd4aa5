"""STK attempts: what is known of one prompt, how it moves, and when it is asked about."""
