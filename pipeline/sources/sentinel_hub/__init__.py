"""Sentinel Hub, at its own address or at the Copernicus Data Space Ecosystem."""
