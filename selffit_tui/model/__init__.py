"""What is drawn: the feed, the scene, series, marks, requests. Knows no widget."""
