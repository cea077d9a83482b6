"""Looks: one overpass over one block, with clear ground and the network's prediction; made once, kept as a file."""
