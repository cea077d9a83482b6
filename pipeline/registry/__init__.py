"""Lasting names of sites, and the file that keeps them."""
