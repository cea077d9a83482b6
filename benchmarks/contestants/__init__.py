"""What leachwatch itself enters into a comparison, one file each."""
