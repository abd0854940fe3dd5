"""Plain functions behind the commands of `svc` and the tasks of the page, one file per activity.

They take values and return records; they print nothing and depend on neither Click nor Gradio. Their modules import
PyTorch and other heavy packages inside functions, because the command line's help and the page's process load them.
"""
