"""Other libraries that predict a whole raster with a network, each in an environment of its own."""
