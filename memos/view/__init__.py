"""A cube's graph for people: one HTML page that needs no network, and counts."""
