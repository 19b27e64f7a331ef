"""Servers and supervisor of `python3 dev.py`: `python -m dexproject.embedded up|test|manage`.

`options` and `errors` need nothing but the standard library, so that dev.py can refuse a bad
command line before it installs anything.
"""
