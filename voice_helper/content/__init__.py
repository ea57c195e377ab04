"""Read and check an intents folder."""
