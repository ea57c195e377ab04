"""The intent tester behind `voice-helper test-intents`: check what sentences mean, and report those that go wrong.

The fakes for the tests of other programs are in `voice_helper.testing`.
"""
