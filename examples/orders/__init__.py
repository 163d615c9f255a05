"""A shop's orders through Kafka, with the broker killed in the middle: `python -m examples.orders.demo`."""
