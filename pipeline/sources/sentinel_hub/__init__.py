"""Sentinel Hub, at its own URL or at the Copernicus Data Space Ecosystem."""
