"""An offline voice skill about leg cramps: it hears a question, finds its meaning and speaks the answer."""

__version__ = "0.1.0"
