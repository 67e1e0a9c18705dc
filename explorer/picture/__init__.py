"""The picture of a run as arrays: where nodes stand, what is read of them, how they are marked; no figure yet.

Modules: `marks` (signs, colours, sizes), `grid` (places within a step), `window` (which steps), `readings` (numbers of nodes
and edges), `scene` (the whole), `neurons` and `layout` (single neurons), `table`.
"""
