"""What runs behind the widgets: the engine's thread, its client, queries and jobs, and how replies find their owner."""
