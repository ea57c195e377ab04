"""The modules that every other package may use: paths, settings, caches, the tables of engines, and readers for the
weights of neural networks.
"""
