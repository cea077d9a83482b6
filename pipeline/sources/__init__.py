"""Where pixels come from: each source turns its own objects into `Scene` and `Raster`, and nothing else leaves it."""
