"""Adapters and data sets are shown to others: cards, what an upload would hold, the upload.

Knows: the manifests of adapters and data sets, licences, the hub.
Does not know: how adapters are trained or rows are made.
"""
