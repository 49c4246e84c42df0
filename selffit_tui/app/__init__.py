"""The Textual app and its terminal: driver, environment, screenshots."""
