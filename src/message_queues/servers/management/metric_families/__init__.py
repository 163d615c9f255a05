"""The families of RabbitMQ's metrics, a file for each kind of object."""
