"""Live conversion of the page: a session in its own process, and the messages between the process and the server."""
