"""Messages to domain values and back, by noun: protobuf stops here."""
