"""Small widgets that know nothing of payments."""
