"""Cuts: small squares of reflectance around sites and places worth a look, kept in the archive, one file per look."""
