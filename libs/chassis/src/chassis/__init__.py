"""What every Meterline service stands on: server, client, errors, telemetry, Postgres."""
