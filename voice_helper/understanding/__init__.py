"""Turn text into meaning: safety first, then exact templates, then the nearest meaning."""
