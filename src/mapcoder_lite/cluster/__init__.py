"""Units on the machines of a Ray cluster, any of which may be lost.

Solvers work on units, many at a time, for they mostly wait for a model. Judges judge programs, one
at a time, where the cluster has the resource `judge`. The keeper, on the driver's own machine,
writes every completion before a solver sees it. The driver alone writes what became of the units.

Knows: Ray (its only door), processes that are lost and replaced, work that is done again.
Does not know: kinds of engine, how a unit is solved or a program judged.
"""
