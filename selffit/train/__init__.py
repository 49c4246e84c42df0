"""The trainer process: `python -m selffit.train RUN_DIR`. Importing this does not import torch."""
