"""Imagery sources: each converts its provider's objects into `Scene` and `Raster`, and exposes nothing else."""
