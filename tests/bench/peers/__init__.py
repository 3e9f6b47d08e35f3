"""Work items (one module each, `run(context) -> rows`) and what they share."""
