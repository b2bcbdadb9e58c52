//! On what a benchmark was run.

use std::time::SystemTime;

use whyfinder_experiment::date::rfc3339;

/// One paragraph: processor, threads, versions, date.
pub(crate) fn described(threads: usize, torch: Option<&str>) -> String {
    let date = rfc3339(SystemTime::now());
    let day = date.split('T').next().unwrap_or(&date);
    let torch = torch.map_or_else(
        || "PyTorch was not there".to_owned(),
        |version| format!("PyTorch {version}"),
    );
    format!(
        "{}, {} on each side, {} {}; {torch}; {day}.",
        processor(),
        match threads {
            1 => "one thread".to_owned(),
            n => format!("{n} threads"),
        },
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

fn processor() -> String {
    let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = listed
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim().to_owned());
    let wide = if listed.contains("avx512f") {
        " with AVX-512"
    } else {
        ""
    };
    named.map_or_else(
        || "An unnamed processor".to_owned(),
        |name| format!("{name}{wide}"),
    )
}
