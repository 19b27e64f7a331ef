"""DEX paper trading: the Django app."""
