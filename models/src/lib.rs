//! Ready-made models, one per file.
