"""What Amazon's services have in common on the wire."""
