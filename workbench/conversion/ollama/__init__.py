"""Makes a folder that Ollama takes, a merged and quantised GGUF with its Modelfile, and registers it with a server."""
