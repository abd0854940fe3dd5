"""`svcg`: the studio in the browser. Gradio is imported when it opens, and torch only in the processes beside it."""
