"""The studio in the browser (`svcg`). Only its worker processes import torch."""
