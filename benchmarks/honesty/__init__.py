"""Studies of whether the bot flatters itself, on markets whose truth is known."""
