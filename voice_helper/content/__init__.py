"""Read the files of an intents folder and check them against their schema. Builds nothing from them."""
