"""Plain functions behind the `svc` commands and the page's tasks, with one module per activity.

They take values and return records, print nothing, and depend on neither Click nor Gradio. The modules import PyTorch
and other heavy packages only inside functions, because the command-line help and the page's process import the modules.
"""
