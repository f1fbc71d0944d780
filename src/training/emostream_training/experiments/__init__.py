"""The paper's experiments: plan -> runs (train, bundle, evaluate with the product's own code) -> statistics -> report."""
