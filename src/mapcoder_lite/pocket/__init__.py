"""The bundled miniature world: problems, teacher, backbone recipe, weights.

Knows: generated problems and their ground truth.
Does not know: who uses it; nothing outside treats a pocket problem differently.
"""
