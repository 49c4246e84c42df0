"""One file a panel: a pure function draws lines from a scene, and the widget shows them."""
