"""Decide what happens next: from the current state and an event, compute the new state and the actions."""
