"""RabbitMQ's management HTTP API: a room per kind of object, over the broker's own."""
