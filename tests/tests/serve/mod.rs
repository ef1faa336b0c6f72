//! `segue serve FOLDER` over HTTP, as a player, a proxy and a curious stranger meet it.

mod films;
mod pages;
mod ranges;
mod service;
mod tree;
