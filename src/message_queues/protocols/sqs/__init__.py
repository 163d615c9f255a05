"""Amazon SQS as bytes and meaning: no I/O, no clock, no broker."""
