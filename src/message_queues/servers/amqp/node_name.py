"""What this node is called, and its cluster while nobody has named it."""

import socket

NODE_NAME = f"rabbit@{socket.gethostname().split('.')[0]}"
