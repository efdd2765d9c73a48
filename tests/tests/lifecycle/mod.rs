//! Agents and channels come, go, are quarantined and restored, through failed commits and restarts.

mod binding;
