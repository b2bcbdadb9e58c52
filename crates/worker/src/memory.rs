//! How much memory may be used, and how it is said.

use std::fs;

/// What is assumed where the system does not say.
const ASSUMED_BYTES: u64 = 8 << 30;

/// The most memory that models, caches and batches may hold together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryBudget {
    /// This part of the machine's memory, 0 to 1.
    Fraction(f64),
    Bytes(u64),
}

impl Default for MemoryBudget {
    fn default() -> Self {
        MemoryBudget::Fraction(0.7)
    }
}

impl MemoryBudget {
    pub fn bytes(self) -> u64 {
        match self {
            MemoryBudget::Bytes(bytes) => bytes,
            MemoryBudget::Fraction(part) => {
                let all = machine_bytes().unwrap_or(ASSUMED_BYTES);
                (all as f64 * part.clamp(0.0, 1.0)) as u64
            }
        }
    }
}

/// The machine's memory, or less where a container is given less; `None` where the system does not say.
fn machine_bytes() -> Option<u64> {
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limit = limits
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok())
        .min();
    let physical = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_of(&text));
    match (physical, limit) {
        (Some(physical), Some(limit)) => Some(physical.min(limit)),
        (physical, limit) => physical.or(limit),
    }
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Bytes as a person reads them, such as `512 B`, `640 MiB` or `9.4 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_two_or_more_digits() {
        assert_eq!(human_bytes(12), "12 B");
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(640 << 20), "640 MiB");
        assert_eq!(human_bytes((94 << 30) / 10), "9.4 GiB");
        assert_eq!(human_bytes(5 << 50), "5120 TiB");
    }

    #[test]
    fn the_total_is_read_from_meminfo() {
        let text = "MemTotal:       24576000 kB\nMemFree:        1 kB\n";
        assert_eq!(total_of(text), Some(24_576_000 * 1024));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert_eq!(total_of("MemTotal: many kB\n"), None);
    }

    #[test]
    fn a_fraction_is_of_the_whole_machine() {
        let whole = MemoryBudget::Fraction(1.0).bytes();
        let half = MemoryBudget::Fraction(0.5).bytes();
        assert!(whole > 0);
        assert!(half.abs_diff(whole / 2) <= 1);
        assert_eq!(MemoryBudget::Fraction(7.0).bytes(), whole);
        assert_eq!(MemoryBudget::Bytes(5).bytes(), 5);
    }
}
