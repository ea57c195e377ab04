"""Modules that every other package may use: paths, settings, caches, the table of engines, and the weights of neural
networks.
"""
