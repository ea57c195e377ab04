"""The commands, one module for each thing that people come to do."""
