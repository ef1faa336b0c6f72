//! Media time: whole ticks of a track's own clock.
//!
//! Every room above counts in [`Ticks`] and carries the [`Timescale`] they belong to. Seconds as a float
//! appear only where a person reads them.

use std::num::NonZeroU32;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// Ticks in one second of a track or a movie (`timescale` of `mdhd` and `mvhd`); never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// One tick a second.
    pub const SECOND: Self = Self(NonZeroU32::MIN);

    /// `None` for zero, which no time can be counted in.
    pub fn new(ticks_per_second: u32) -> Option<Self> {
        NonZeroU32::new(ticks_per_second).map(Self)
    }

    /// Ticks in one second.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// `ticks` of this clock in seconds, for people.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds for people; 2^53 ticks are 3,000 years at 90 kHz"
    )]
    pub fn seconds(self, ticks: Ticks) -> f64 {
        ticks.0 as f64 / f64::from(self.get())
    }

    /// `ticks` of this clock counted in `other`, rounded to the nearest tick (halves away from zero).
    pub fn convert(self, ticks: Ticks, other: Timescale) -> Ticks {
        if self == other {
            return ticks;
        }
        let (num, den) = (i128::from(ticks.0) * i128::from(other.get()), i128::from(self.get()));
        let half = if num < 0 { -den / 2 } else { den / 2 };
        Ticks(saturate((num + half) / den))
    }

    /// `ticks` of this clock counted in `other`, rounded down.
    pub fn convert_floor(self, ticks: Ticks, other: Timescale) -> Ticks {
        let (num, den) = (i128::from(ticks.0) * i128::from(other.get()), i128::from(self.get()));
        Ticks(saturate(num.div_euclid(den)))
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// A time or a span of time in ticks; whose clock it is, the neighbouring [`Timescale`] says.
///
/// Sums saturate: no input can make time wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticks(pub i64);

impl Ticks {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// As an unsigned count; negative times count as zero.
    pub fn unsigned(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

impl Add for Ticks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Ticks {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Ticks {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Ticks {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl From<u32> for Ticks {
    fn from(ticks: u32) -> Self {
        Self(i64::from(ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hz(ticks: u32) -> Timescale {
        Timescale::new(ticks).unwrap()
    }

    #[test]
    fn a_clock_of_zero_ticks_does_not_exist() {
        assert_eq!(Timescale::new(0), None);
    }

    #[test]
    fn conversion_rounds_to_the_nearest_tick_on_both_sides_of_zero() {
        assert_eq!(hz(1000).convert(Ticks(43), hz(44_100)), Ticks(1896));
        assert_eq!(hz(3).convert(Ticks(1), hz(2)), Ticks(1));
        assert_eq!(hz(3).convert(Ticks(-1), hz(2)), Ticks(-1));
        assert_eq!(hz(3).convert_floor(Ticks(-1), hz(2)), Ticks(-1));
        assert_eq!(hz(3).convert_floor(Ticks(1), hz(2)), Ticks(0));
    }

    #[test]
    fn time_saturates_instead_of_wrapping() {
        assert_eq!(Ticks(i64::MAX) + Ticks(1), Ticks(i64::MAX));
        assert_eq!(hz(1).convert(Ticks(i64::MAX), hz(u32::MAX)), Ticks(i64::MAX));
    }
}
