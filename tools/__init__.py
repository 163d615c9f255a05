"""What the project's tests and benchmarks need beside themselves: real brokers, clients in other languages, other people's suites."""
