"""Server of the studio: a FastAPI application with the interface `/api/v1`, its socket, and the files of the page."""
