//! Which requests go to the version on trial.

use mainspring_domain::delivery::Arm;

/// Assigns a request by its key. Sticky (the same key and salt give the same arm) and monotone:
/// raising `canary_weight` only moves keys from stable to canary, so those who were on the canary
/// stay there.
#[must_use]
pub fn arm_of(salt: &str, key: &str, canary_weight: u8) -> Arm {
    // FNV-1a over salt, separator and key, then a finaliser that spreads the low entropy of short
    // keys over all bits (splitmix64).
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in salt.bytes().chain([0]).chain(key.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The top 32 bits, scaled to 0..100 without division bias that would matter at this size.
    let share = ((hash >> 32) * 100) >> 32;
    if share < u64::from(canary_weight) { Arm::Canary } else { Arm::Stable }
}

#[cfg(test)]
mod tests {
    use super::arm_of;
    use mainspring_domain::delivery::Arm;
    use proptest::prelude::*;

    #[test]
    fn shares_match_the_weight() {
        for weight in [0, 1, 10, 50, 99, 100] {
            let canary =
                (0..100_000).filter(|n| arm_of("salt", &n.to_string(), weight) == Arm::Canary).count();
            let expected = usize::from(weight) * 1000;
            // Five standard deviations of the binomial at most.
            assert!(canary.abs_diff(expected) < 800, "{weight}: {canary}");
        }
    }

    proptest! {
        #[test]
        fn raising_the_weight_keeps_those_who_were_on_the_canary(key in ".*", low in 0u8..=100, more in 0u8..=100) {
            let high = low.max(more);
            if arm_of("s", &key, low) == Arm::Canary {
                prop_assert_eq!(arm_of("s", &key, high), Arm::Canary);
            }
            prop_assert_eq!(arm_of("s", &key, 0), Arm::Stable);
            prop_assert_eq!(arm_of("s", &key, 100), Arm::Canary);
        }
    }
}
