//! What the machine has: memory, disk, limits. Linux tells all of it; elsewhere some answers are missing.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// Memory that this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All there is, or that the control group allows.
    pub total_bytes: u64,
    /// What can be had now without swapping.
    pub available_bytes: u64,
}

/// The machine's memory, or less where a control group (a container, a systemd unit) allows less.
#[must_use]
pub fn memory() -> Option<Memory> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine =
        Memory { total_bytes: kib_of(&meminfo, "MemTotal:")?, available_bytes: kib_of(&meminfo, "MemAvailable:")? };
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(groups.lines().filter_map(group_limit).fold(machine, |memory, (limit, used)| Memory {
        total_bytes: memory.total_bytes.min(limit),
        available_bytes: memory.available_bytes.min(limit.saturating_sub(used)),
    }))
}

fn kib_of(meminfo: &str, key: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Limit and use of a control group, from a line of `/proc/self/cgroup`, where it has a limit.
fn group_limit(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let number = |file: String| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    match controllers {
        "" => {
            let folder = format!("/sys/fs/cgroup{path}");
            Some((number(format!("{folder}/memory.max"))?, number(format!("{folder}/memory.current"))?))
        }
        "memory" => {
            let folder = format!("/sys/fs/cgroup/memory{path}");
            Some((
                number(format!("{folder}/memory.limit_in_bytes"))?,
                number(format!("{folder}/memory.usage_in_bytes"))?,
            ))
        }
        _ => None,
    }
}

/// Bytes that an unprivileged user may still write to the file system of a folder.
#[must_use]
pub fn free_disk_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// How many files this process may have open; `None` for no limit.
#[must_use]
pub fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How much address space this process may have; `None` for no limit.
#[must_use]
pub fn address_space_limit() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// Vector instructions of the processor that the kernels make use of, the widest last.
#[must_use]
pub fn vector_instructions() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    found.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// A number of bytes for people: `1.5 GiB`.
#[must_use]
pub fn bytes_in_words(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_memory_disk_and_limits() {
        let memory = memory().unwrap();
        assert!(memory.available_bytes > 0 && memory.available_bytes <= memory.total_bytes, "{memory:?}");
        assert!(free_disk_bytes(Path::new("/")).is_some());
        assert_eq!(free_disk_bytes(Path::new("/no/such/folder")), None);
    }

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        assert_eq!(bytes_in_words(1023), "1023 B");
        assert_eq!(bytes_in_words(1536), "1.5 KiB");
        assert_eq!(bytes_in_words(3 << 30), "3.0 GiB");
        assert_eq!(bytes_in_words(5 << 40), "5.0 TiB");
    }

    #[test]
    fn memory_of_the_machine_is_read_in_kibibytes() {
        assert_eq!(kib_of("MemTotal:  12 kB\nMemAvailable: 3 kB\n", "MemAvailable:"), Some(3072));
        assert_eq!(kib_of("MemTotal:  12 kB\n", "MemAvailable:"), None);
    }
}
