"""The feed: how one service reads another's append-only log without loss and without repetition.

`writer` appends segments at dense positions, `reader` serves them, `consumer` applies them exactly once; `cursor` holds
the laws between the parts, `tables` what each side keeps, `wire` how they travel.
"""
