"""Find, download, verify and remove speech models, the large files that a recognizer such as Vosk or Whisper loads."""
