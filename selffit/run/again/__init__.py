"""A recorded run judged again: by the rules of today, or by others."""
