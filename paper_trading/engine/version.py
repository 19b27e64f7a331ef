"""The version of the trading core: what a stored session must have been traded with to replay."""

#: Raised by any change that lets the same inputs give other digits.
ENGINE_VERSION = 7
