//! The task graph, a pure planner and the scheduler that drives it.
