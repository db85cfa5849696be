//! What the laws share.
