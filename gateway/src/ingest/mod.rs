//! How films come to the gateway: they lie in folders that are looked through, or are sent.

mod arrivals;
mod describe;
mod folders;
pub mod uploads;

pub use arrivals::Arrivals;
pub use folders::{Folders, Settings};
pub use uploads::Uploads;
