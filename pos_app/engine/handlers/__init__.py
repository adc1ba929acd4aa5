"""What each command does, one file a feature: command, permission, one transaction, effects, reply."""
