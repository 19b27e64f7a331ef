"""Pure trading core: exact money, pools, gas, fills, ledger, positions, exits, limits, metrics."""
