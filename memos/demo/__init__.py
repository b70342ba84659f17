"""The main job, shown on real servers: ``make demo``."""
