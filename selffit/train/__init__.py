"""The trainer process: `python -m selffit.train RUN_DIR`. Importing this package does not import
torch.
"""
