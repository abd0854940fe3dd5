"""Live conversion of the page: a session in a process of its own, and the messages between it and the server."""
