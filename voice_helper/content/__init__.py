"""Read the files of an intents folder and check them against their schema. `skill` builds the skill from the result."""
