"""The server side of a Bedside federation."""
