"""What the shop set: a readable file for settings, the operating system's store for secrets."""
