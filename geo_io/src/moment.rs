//! When a scene was taken, as far as it says so.

use gdal::{Dataset, Metadata};

/// What the scene says: when it was taken, by the metadata that GDAL knows of the large providers, else when a TIFF says
/// that it was made. A time without a zone is taken to be in UTC.
pub(crate) fn of(dataset: &Dataset) -> Option<String> {
    let taken = dataset.metadata_item("ACQUISITIONDATETIME", "IMAGERY");
    let made = || dataset.metadata_item("TIFFTAG_DATETIME", "");
    taken.and_then(|text| parsed(&text)).or_else(|| made().and_then(|text| parsed(&text)))
}

/// `2024:05:01 10:20:30` of TIFF, `2024-05-01 10:20:30` of GDAL and their like, as `2024-05-01T10:20:30Z`; `None` for
/// what is no moment, such as a TIFF's `0000:00:00 00:00:00`.
fn parsed(text: &str) -> Option<String> {
    let (date, time) = text.trim().split_once([' ', 'T'])?;
    let numbers = |text: &str, between: &[char]| -> Option<[u32; 3]> {
        let parts: Vec<&str> = text.split(between).collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Option<Vec<u32>> = parts.iter().map(|part| part.parse().ok().filter(|_| is_number(part))).collect();
        parts?.try_into().ok()
    };
    let whole_seconds = time.trim_end_matches('Z').split('.').next()?;
    let [year, month, day] = numbers(date, &[':', '-', '/'])?;
    let [hour, minute, second] = numbers(whole_seconds, &[':'])?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        1..=12 => 31,
        _ => return None,
    };
    let is_moment = (1..=9999).contains(&year) && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_moment.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_tiff_and_gdal_write_them() {
        let expected = Some("2024-02-29T10:20:30Z".to_owned());
        for text in ["2024:02:29 10:20:30", "2024-02-29 10:20:30", "2024-02-29T10:20:30.123Z", " 2024/02/29 10:20:30 "]
        {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "0000:00:00 00:00:00",
            "2023:02:29 10:20:30",
            "2024:13:01 10:20:30",
            "2024:01:01 24:00:00",
            "2024:01:01",
            "2024:01:01 +1:00:00",
            "2024:01:01 10:20:30+02:00",
            "    :  :     :  :  ",
            "yesterday",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
