"""Runs as one self-contained HTML file: numbers, plots, every trajectory; no network is needed.

Knows: run directories, metrics, how records are packed for a browser.
Does not know: how numbers are made, terminals.
"""
