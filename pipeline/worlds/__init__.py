"""The simulator: places with a history and known truth, seen through a Sentinel-2."""
