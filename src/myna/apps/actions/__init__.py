"""Plain functions behind the `svc` commands and the tasks of the web page, with one module per activity.

They take values and return records, print nothing, and depend on neither Click nor FastAPI. The modules import PyTorch
and other heavy packages only inside functions, so that the command-line help and the process of the page, which import
the modules, start quickly.
"""
