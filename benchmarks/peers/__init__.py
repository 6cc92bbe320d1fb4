"""What stands beside us in a benchmark, each run in an environment of its own."""
