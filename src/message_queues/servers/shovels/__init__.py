"""Dynamic shovels: they take messages from a queue here or elsewhere, and bring them to an exchange or queue here or elsewhere."""
