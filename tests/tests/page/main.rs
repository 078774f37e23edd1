//! The page in headless Chromium.

mod browser;
mod contents;
mod keys;
mod live;
mod race;
#[path = "../rest/stack.rs"]
mod stack;
