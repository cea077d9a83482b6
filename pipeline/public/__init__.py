"""What may be published: counts by cell of sites known for long enough, and nothing that leads back.

Positions of sites enter in one place, `tally.cell_of`, and leave it as the number of a cell. Everything else is made of
cells, counts, classes and quarters.
"""
