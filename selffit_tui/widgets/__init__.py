"""One file a widget; each has a pure function that draws lines from a scene, and the widget that shows them."""
