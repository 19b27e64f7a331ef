"""Pure judgement: bars, signal recurrences, the ten levels, evidence rank and decisions."""
