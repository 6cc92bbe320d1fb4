"""Folds the log into usage per meter, customer and window."""
