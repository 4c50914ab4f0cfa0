"""GGUF files: what llama.cpp and Ollama load. Nothing here needs llama.cpp but K-quants."""
