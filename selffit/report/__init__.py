"""What a diagnosis found, for people: its records in words and drawings, as one HTML file.

Without torch. Only `figures` and `images` need matplotlib and numpy.
"""
