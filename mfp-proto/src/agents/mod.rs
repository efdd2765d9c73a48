//! Agents: the lifecycle, and the tools that each state offers.

mod lifecycle;
mod tools;

pub use lifecycle::{AgentState, Forbidden, Transition};
pub use tools::{Tool, ToolError};
