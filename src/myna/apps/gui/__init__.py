"""The studio in the browser (`svcg`). Importing this package loads no Gradio; only worker processes import torch."""
