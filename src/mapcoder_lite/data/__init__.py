"""Foreign problem files turned into our records, one importer a file.

Knows: formats from outside, their quirks and defects.
Does not know: how problems are solved or judged.
"""
