"""The window: a thin skin that shows what the engine says and asks it for what the cashier wants."""
