"""Decide what to say next. From the current state and an event, such as an utterance, compute the new state and the
actions.
"""
