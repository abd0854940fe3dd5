"""`svcg`: the studio in the browser. Importing it loads no Gradio; only its worker processes import torch."""
