//! Bytes by checked path on local disk, streaming and hashed.
