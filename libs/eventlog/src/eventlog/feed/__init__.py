"""The feed: how one service follows another's log without loss and without repetition.

`consumer` applies segments exactly once; `cursor` holds the laws between the parts, `checkpoints` the places that a
consumer keeps, `wire` how segments travel.
"""
