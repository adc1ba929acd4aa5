"""What stands on paper, before it has a layout."""
