"""Upkeep of an installation: what is wrong on a machine, how to mend it, and what providers really send."""
