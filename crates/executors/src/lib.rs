//! Where a task attempt runs: supervised local processes.
