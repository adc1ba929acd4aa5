"""What each table keeps, loaded and stored within a unit of work; nothing is decided here."""
