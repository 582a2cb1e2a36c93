//! What could not be exported, told one sentence each.

use std::fmt::Display;

/// Problems that are told one by one. Further problems are only counted: a damaged disk has thousands.
const MOST_TOLD: u64 = 20;

/// A function that shows a sentence to a person.
type Tell = dyn FnMut(&dyn Display);

/// Tells what could not be exported, and counts it.
pub struct Problems {
    tell: Box<Tell>,
    count: u64,
}

impl Problems {
    /// Tells each problem with this function.
    pub fn new(tell: impl FnMut(&dyn Display) + 'static) -> Self {
        Self {
            tell: Box::new(tell),
            count: 0,
        }
    }

    /// Tells a problem: place, cause and remedy in one sentence.
    pub fn add(&mut self, problem: impl Display) {
        self.count += 1;
        if self.count <= MOST_TOLD {
            (self.tell)(&problem);
        }
    }

    /// Tells something that is no problem.
    pub fn note(&mut self, text: impl Display) {
        (self.tell)(&text);
    }

    /// Tells how many problems were only counted, and returns whether there was none at all.
    #[must_use]
    pub fn none(mut self) -> bool {
        if let Some(more) = self.count.checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            let (noun, verb) = if more == 1 {
                ("problem", "is")
            } else {
                ("problems", "are")
            };
            (self.tell)(&format_args!("{more} further {noun} {verb} not listed"));
        }
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_thousand_problems_are_told_as_twenty_and_a_count() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let lines = Rc::clone(&told);
        let mut problems = Problems::new(move |text| lines.borrow_mut().push(text.to_string()));
        for number in 0..1000 {
            problems.add(number);
        }
        assert!(!problems.none());
        assert_eq!(told.borrow().len(), 21);
        assert_eq!(told.borrow()[20], "980 further problems are not listed");
    }
}
