"""Bundles: the evidence for one site in one file, which anybody can check without us."""
