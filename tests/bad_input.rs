//! The built binary and bad input.
