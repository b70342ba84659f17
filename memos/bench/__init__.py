"""Measurements of this installation. They print; nothing is asserted about time."""
