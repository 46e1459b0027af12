//! What the machine has: memory, disk, limits. Linux tells all of it; elsewhere some answers are missing.

use std::path::{Path, PathBuf};

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
    Some(groups.lines().filter_map(group_of).flat_map(|group| group.limits()).fold(machine, |memory, (limit, used)| {
        Memory {
            total_bytes: memory.total_bytes.min(limit),
            available_bytes: memory.available_bytes.min(limit.saturating_sub(used)),
        }
    }))
}

fn kib_of(meminfo: &str, key: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A control group that may limit memory, and how its files are called.
struct Group {
    root: &'static str,
    path: PathBuf,
    limit: &'static str,
    used: &'static str,
    cache: &'static str,
}

/// The control group that a line of `/proc/self/cgroup` names, if it has to do with memory.
fn group_of(line: &str) -> Option<Group> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, [limit, used, cache]) = match controllers {
        "" => ("/sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file "]),
        "memory" => {
            ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "])
        }
        _ => return None,
    };
    Some(Group { root, path: PathBuf::from(path.trim_start_matches('/')), limit, used, cache })
}

impl Group {
    /// Limit and use of the group and of those around it, where they have a limit. Inside a container the outer ones cannot
    /// be seen, and its own may look like the outermost.
    fn limits(&self) -> Vec<(u64, u64)> {
        self.path.ancestors().filter_map(|path| self.limit_in(&Path::new(self.root).join(path))).collect()
    }

    /// What the kernel keeps of files it gives up at once, so that does not count as used.
    fn limit_in(&self, folder: &Path) -> Option<(u64, u64)> {
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let number = |file: &str| text(file)?.trim().parse::<u64>().ok();
        let kept = text("memory.stat")
            .and_then(|stat| stat.lines().find_map(|line| line.strip_prefix(self.cache)?.trim().parse::<u64>().ok()));
        Some((number(self.limit)?, number(self.used)?.saturating_sub(kept.unwrap_or(0))))
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
    fn a_control_group_and_those_around_it_limit_memory_and_cached_files_do_not_count() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let group = |folder: &Path, max: &str, current: &str, stat: &str| {
            std::fs::write(folder.join("memory.max"), max).unwrap();
            std::fs::write(folder.join("memory.current"), current).unwrap();
            std::fs::write(folder.join("memory.stat"), stat).unwrap();
        };
        group(&inner, "max\n", "700\n", "anon 1\n");
        group(&root.path().join("a"), "1000\n", "900\n", "anon 1\ninactive_file 300\nactive_file 9\n");
        let mut found = group_of("0::/a/b").unwrap();
        assert_eq!((found.root, found.limit), ("/sys/fs/cgroup", "memory.max"));
        found.root = Box::leak(root.path().to_str().unwrap().to_owned().into_boxed_str());
        assert_eq!(found.limits(), [(1000, 600)]);
        assert_eq!(group_of("4:memory:/x").unwrap().limit, "memory.limit_in_bytes");
        assert!(group_of("5:devices:/x").is_none() && group_of("nonsense").is_none());
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
