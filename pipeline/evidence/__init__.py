"""Evidence of all clear looks per pixel, coverage per cell, and which looks are outliers."""
