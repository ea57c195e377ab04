"""The built-in recognizer: hama's network turns audio into phones, and a search graph turns phones into words."""
