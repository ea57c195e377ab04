"""The built-in recognizer: phonetic network, language model and session commands."""
