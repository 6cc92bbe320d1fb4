"""An index of the words by which customers are looked for."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the function and its index, also over the customers that are there."""
    # Marks between words become spaces first: the parser takes "acme-123" apart into "acme" and "-123", and "acme.com"
    # for the name of a host, and nobody would find either by its second part.
    op.execute(
        """
        CREATE FUNCTION customer_words(name text, display_name text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT to_tsvector('pg_catalog.simple', translate(
                name || ' ' || display_name, '!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~', repeat(' ', 32)
            ))
        $$
        """
    )
    op.execute("CREATE INDEX customer_by_words ON customer USING gin (customer_words(name, display_name))")
