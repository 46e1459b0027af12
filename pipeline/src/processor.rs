//! What kind of processor this is.

/// The kind of processor, in one line: results are the same bytes on one kind only, because matrix kernels choose their
/// blocking from instruction sets and caches.
#[must_use]
pub fn processor() -> String {
    let mut parts = vec![std::env::consts::ARCH.to_owned()];
    parts.extend(instruction_sets().iter().map(|&name| name.to_owned()));
    for index in 0..8 {
        let cache = |file: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        if let (Some(level), Some(kind), Some(size)) = (cache("level"), cache("type"), cache("size"))
            && kind != "Instruction"
        {
            parts.push(format!("L{level} {size}"));
        }
    }
    parts.join(", ")
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    known.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_processor_is_one_line_and_the_same_each_time() {
        assert!(processor().starts_with(std::env::consts::ARCH) && !processor().contains('\n'));
        assert_eq!(processor(), processor());
    }
}
