"""Benchmarks: `make bench` runs them all and fails where a figure is over its limit."""
