"""Benchmarks: each one measures ratios in one run and asserts nothing."""
