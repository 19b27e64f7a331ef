"""Replay: the same pure steps as the stages, in memory and without a database."""
