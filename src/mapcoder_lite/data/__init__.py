"""Foreign problem files become Problem and HiddenTests, one importer a file.

Knows: file formats of others and ours.
Does not know: models, programs, verdicts.
"""
