"""Messages to domain values and back; generated code stops here, in `rpc` and in `upstream`."""
