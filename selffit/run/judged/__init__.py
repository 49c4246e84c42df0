"""What stands of a run, in words: verdict, health, what will happen by itself."""
