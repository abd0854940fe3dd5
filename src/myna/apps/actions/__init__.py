"""Plain functions behind the `svc` commands and the tasks of the web page; one module per activity.

They take values and return records, print nothing, and depend on neither Click nor FastAPI. The command-line help and
the page's process import these modules and must start quickly. Therefore PyTorch and other heavy packages are imported
only inside functions.
"""
