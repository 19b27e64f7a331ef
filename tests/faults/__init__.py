"""Kills and message faults at the real stack, and the proof that nothing came of them."""
