"""One overpass over one block of ground: where it was clear, and what the network predicts there. Made once, kept as a file."""
