"""What the command line and `import sweep` take where nothing is said."""

STORAGE = "sweep.db"
LOCAL = "local"
"""The engine whose workers are processes of this machine."""
VALIDATION = 10_000
"""How many training images are held out to score trials."""
KEEP_CHECKPOINTS = 5
CONFIRMED = 5
"""How many of the best are confirmed, and on how many seeds."""
TOLERANCE = 0.1
"""Percentage points that a cheaper network may be below the best and still be recommended."""
MOST_SEEDS = 10
"""On how many seeds at most, where a time limit is what decides."""
SUGGESTED = 3
"""How many of a suggestion's best values are confirmed."""
SEARCH_SHARE = 0.6
"""Of the time for a search and its confirmation, what the search may take."""
