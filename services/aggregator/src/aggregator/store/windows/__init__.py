"""Windows in the database: pages of columns, only ever added, and merged behind."""
