"""Benchmarks: each module measures one promise of the project, prints a table, and runs on its own."""
