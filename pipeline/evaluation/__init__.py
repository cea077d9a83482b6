"""Evaluation on worlds with known truth, by the code of a run: trials, scores and the calibration."""
