"""What people say of sites: verdicts, notes, pond points, and sites that they add; one file per AOI, `reviews.gpkg`."""
