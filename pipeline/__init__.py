"""leachwatch: finds and dates suspected leach-pond sites in Sentinel-2 imagery."""

__version__ = "0.1.0"
