"""Our sentences and answers in the formats of other assistants."""
