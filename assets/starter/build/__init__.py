"""Scripts that build the starter model, its tokenizer and the sample data from nothing but themselves."""
