"""The simulator: places with a history and known truth, as imaged by Sentinel-2."""
