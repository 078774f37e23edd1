//! NZ TAB simulator.
