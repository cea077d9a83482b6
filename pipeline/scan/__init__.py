"""Monthly scans: which months are due, scanning them one after the other, and the record of it."""
