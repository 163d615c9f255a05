"""A shop's orders through Kafka and RabbitMQ, with the broker and a consumer killed in the middle: `python -m examples.orders.demo`."""
