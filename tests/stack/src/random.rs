//! Random passwords for scratch clusters and the demo.

use std::fs;
use std::io::Read;

use anyhow::Result;

/// 128 random bits as hexadecimal, safe in a URL.
pub fn random_password() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
