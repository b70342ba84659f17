"""Which language models and embedders are configured, and which of them can be reached.

named       config_file, recognise · mentions · environment
asked       llm, ollama, embedder, local_model
said        finding · masking · check
"""
