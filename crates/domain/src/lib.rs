//! Ids, values, events and the clock: the vocabulary every other crate speaks.
