"""The files a user opens, each written whole or not at all."""
