//! The one source of chance.

/// Gives random numbers and keys.
pub trait Entropy: Send + Sync {
    /// 64 random bits.
    fn bits(&self) -> u64;

    /// A random key of 128 bits, as 32 hex digits.
    fn key(&self) -> String {
        format!("{:016x}{:016x}", self.bits(), self.bits())
    }

    /// A number from 0 up to, not including, 1.
    fn unit(&self) -> f64 {
        // 53 bits fill the mantissa of an f64 exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
        let unit = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }
}
