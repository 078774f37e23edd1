//! The page in headless Chromium.

mod browser;
mod contents;
mod keys;
mod live;
mod live_race;
mod movers;
mod stream;
mod trader;
