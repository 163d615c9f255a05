"""The messages of Kafka's protocol, declared: one file for each area. Kafka's names, with fields in snake_case."""
