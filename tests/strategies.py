"""What the tests draw from."""

from hypothesis import settings

unhurried = settings(deadline=None)  # machines are shared
