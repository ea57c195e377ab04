"""Decide what happens next: an event and the state so far become a new state and actions."""
