"""Other people's test suites, run from a checkout of theirs against our server and against a real Apache Kafka in the same run."""
