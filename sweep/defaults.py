"""What the command line and `import sweep` take where nothing is said."""

STORAGE = "sweep.db"
KEEP_CHECKPOINTS = 5
CONFIRMED = 5
"""How many of the best are confirmed, and on how many seeds."""
