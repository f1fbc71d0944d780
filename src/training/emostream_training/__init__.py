"""Training of EmoStream's models: fine-tune an encoder, train the context model, export to ONNX, write a bundle."""
