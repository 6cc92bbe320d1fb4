"""The customers' portal: what one customer may see of its usage, its cost and its invoices."""
