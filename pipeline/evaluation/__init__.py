"""Watching worlds whose truth is known with the code that runs, and what comes of it: scores, and the calibration."""
