//! Model workers and the gateway's data path.
