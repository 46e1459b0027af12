//! Lengths of training, in steps or in epochs.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A stretch of training: `600` steps, or `"2 epochs"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Optimizer steps.
    Steps(usize),
    /// Passes over the training records.
    Epochs(usize),
}

impl Span {
    /// The number of steps; `per_epoch` is `None` where the data never end.
    ///
    /// # Errors
    /// Epochs of data that never end.
    pub(crate) fn steps(self, per_epoch: Option<usize>) -> Result<usize, String> {
        match (self, per_epoch) {
            (Self::Steps(steps), _) => Ok(steps),
            (Self::Epochs(epochs), Some(per_epoch)) => Ok(epochs * per_epoch),
            (Self::Epochs(_), None) => Err("scenes drawn while training have no epochs: give steps".into()),
        }
    }

    /// Whether this is no time at all.
    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Self::Steps(0) | Self::Epochs(0))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "give a number of steps, or epochs as in \"2 epochs\"")]
enum Written {
    Number(usize),
    Text(String),
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Written::deserialize(deserializer)? {
            Written::Number(steps) => return Ok(Self::Steps(steps)),
            Written::Text(text) => text,
        };
        let mut words = text.split_whitespace();
        match (words.next().and_then(|word| word.parse().ok()), words.next(), words.next()) {
            (Some(epochs), Some("epoch" | "epochs"), None) => Ok(Self::Epochs(epochs)),
            (Some(steps), Some("step" | "steps"), None) => Ok(Self::Steps(steps)),
            _ => Err(serde::de::Error::custom(format!(
                "{text:?} is no stretch of training: give a number of steps, or epochs as in \"2 epochs\""
            ))),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Steps(steps) => Written::Number(steps),
            Self::Epochs(epochs) => Written::Text(format!("{epochs} epochs")),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Holder {
        span: Span,
    }

    fn read(text: &str) -> Result<Span, String> {
        toml::from_str::<Holder>(&format!("span = {text}")).map(|holder| holder.span).map_err(|error| error.to_string())
    }

    #[test]
    fn spans_are_steps_or_epochs() {
        assert_eq!(read("600"), Ok(Span::Steps(600)));
        assert_eq!(read("\"1 epoch\""), Ok(Span::Epochs(1)));
        assert!(read("\"2 weeks\"").unwrap_err().contains("no stretch of training"));
        assert!(read("-1").is_err());
    }

    #[test]
    fn epochs_need_data_that_end() {
        // 2 epochs of 67 steps.
        assert_eq!(Span::Epochs(2).steps(Some(67)), Ok(134));
        assert!(Span::Epochs(2).steps(None).is_err());
        assert_eq!(Span::Steps(5).steps(None), Ok(5));
    }

    #[test]
    fn spans_are_written_as_they_are_read() {
        let holder = Holder { span: Span::Epochs(2) };
        assert_eq!(toml::from_str::<Holder>(&toml::to_string(&holder).unwrap()).unwrap(), holder);
    }
}
