"""What every Meterline service builds on: server, client, errors, telemetry, Postgres."""
