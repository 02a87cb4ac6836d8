"""A deterministic simulation: chartlake's own code against a store and a Spotify that fail in every way, from a seed.

Nothing here reads a clock, a network or a file: each seed is one story, the same on every machine.
"""
