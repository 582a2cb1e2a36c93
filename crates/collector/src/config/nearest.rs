//! Finds the name that a mistyped one probably stands for.

/// Returns the known name that is most similar to this one.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
