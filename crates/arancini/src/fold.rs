//! Long lines in several lines of a terminal.

/// Columns by which the further lines of a line are indented.
const INDENT: usize = 8;

/// Where a line may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Between words.
    Words,
    /// Between words, with a backslash, so that the lines are still one command for a shell.
    Command,
}

/// Breaks a line into lines of at most `width` columns. A word that is longer is broken too, unless it is in a command.
pub(crate) fn fold(line: &str, width: usize, breaks: Break) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let (end, room) = match breaks {
        Break::Words => ("", width),
        Break::Command => (" \\", width.saturating_sub(2)),
    };
    let mut folded = String::with_capacity(line.len() + 64);
    let mut column = 0;
    let mut is_at_start = true;
    for (number, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 {
            if column + 1 + length > room && !is_at_start {
                folded.truncate(folded.trim_end_matches(' ').len());
                begin_line(&mut folded, &mut column, end);
            } else {
                folded.push(' ');
                column += 1;
            }
        }
        is_at_start &= word.is_empty();
        for letter in word.chars() {
            if column >= width && breaks == Break::Words {
                begin_line(&mut folded, &mut column, "");
            }
            folded.push(letter);
            column += 1;
        }
    }
    folded.truncate(folded.trim_end_matches(' ').len());
    folded
}

fn begin_line(folded: &mut String, column: &mut usize, end: &str) {
    folded.push_str(end);
    folded.push('\n');
    folded.push_str(&" ".repeat(INDENT));
    *column = INDENT;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_the_terminal_and_no_word_is_lost() {
        let line = "ok    net.core.rmem_max  a value that is rather long, and 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128";
        for width in 20..120 {
            let folded = fold(line, width, Break::Words);
            assert!(
                folded.lines().all(|line| line.chars().count() <= width),
                "{width}: {folded}"
            );
            let letters = |text: &str| {
                text.chars()
                    .filter(|letter| !letter.is_whitespace())
                    .collect::<String>()
            };
            assert_eq!(letters(&folded), letters(line), "{width}");
        }
    }

    #[test]
    fn a_line_that_fits_is_not_changed() {
        assert_eq!(fold("  warn  x", 9, Break::Words), "  warn  x");
        assert_eq!(fold("", 20, Break::Words), "");
    }

    #[test]
    fn words_go_to_the_next_line_as_a_whole() {
        assert_eq!(
            fold("one two three four", 16, Break::Words),
            "one two three\n        four"
        );
    }

    #[test]
    fn a_folded_command_is_one_command_for_a_shell() {
        let line = "      fix:    sudo sysctl -w net.core.rmem_max=16777216";
        assert_eq!(
            fold(line, 40, Break::Command),
            "      fix:    sudo sysctl -w \\\n        net.core.rmem_max=16777216"
        );
    }
}
