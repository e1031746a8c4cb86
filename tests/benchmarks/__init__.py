"""Benchmarks: speeds as ratios to a yardstick that ran beside them. `make bench` prints the table.

One file measures one row or a family of them: `measure(sizes, folder) -> list[Row]`.
"""
