"""Find the meaning of a text.

`understand` combines the stages in order of priority: `safety` finds red flags, which are signs of danger, with the
rules of `safety.yaml`; `sentences` matches the sentence templates; `classifier` finds the most similar meaning, and
`learned_alarm` estimates how likely a text is to report a danger.
"""
