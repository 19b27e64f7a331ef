"""What a fee policy saves, against named baselines on the same blocks and trades."""
