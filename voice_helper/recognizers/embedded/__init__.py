"""The built-in recognizer. It turns audio into phones with hama's network, and phones into words with a search graph."""
