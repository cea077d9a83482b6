"""What all clear looks together say of a pixel and a cell, and which looks are outliers."""
