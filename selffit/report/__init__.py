"""What a diagnosis found, for people: read from its records, put into words, drawn, and written as
one HTML file.

Without torch. Only `figures` and `images` need matplotlib and numpy.
"""
