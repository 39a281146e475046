"""Runs as one self-contained HTML file: numbers, plots and every trajectory, read without a network.

Knows: run directories, metrics, how records are packed for a browser.
Does not know: how numbers are made, terminals.
"""
