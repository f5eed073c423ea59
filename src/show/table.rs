//! Tables of text: columns as wide as they need, within the width of a page.

/// Columns between two columns.
const GAP: usize = 2;

/// No column is made narrower than this.
const NARROWEST: usize = 8;

/// Lays out rows of cells in a width, each line behind `indent` columns. Cells that do not fit are wrapped.
pub(crate) fn table(rows: &[Vec<String>], width: usize, indent: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths = widths(rows, count, width.saturating_sub(indent));
    let mut out = String::new();
    for row in rows {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, width)| wrap(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut line = " ".repeat(indent);
            for (cell, width) in cells.iter().zip(&widths) {
                let text = cell.get(number).map(String::as_str).unwrap_or_default();
                line += text;
                line.push_str(&" ".repeat(width + GAP - length(text).min(width + GAP)));
            }
            out += line.trim_end();
            out.push('\n');
        }
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The widths of the columns: what they need, the widest cut until they fit.
fn widths(rows: &[Vec<String>], count: usize, room: usize) -> Vec<usize> {
    let need = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..count).map(need).collect();
    let room = room.saturating_sub(GAP * count.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else { break };
        *widest -= 1;
    }
    widths
}

/// Breaks a text into lines: between words, long words behind a `/` or wherever the line ends.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let Some(line) = lines.last_mut() else { return lines };
            let used = length(line);
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= width {
                line.push_str(&" ".repeat(gap));
                line.extend(rest);
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            let slash = rest[..width].iter().rposition(|character| *character == '/').map(|at| at + 1);
            let end = slash.filter(|end| *end > width / 3).unwrap_or(width);
            line.extend(rest.drain(..end));
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_wrapped() {
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("/etc/mosquitto/aclfile", 12), ["/etc/", "mosquitto/", "aclfile"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
    }

    #[test]
    fn a_table_keeps_to_its_width() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "one two three four five", "x"]), row(["bb", "six", "yyyy"])];
        let text = table(&rows, 24, 2);
        assert_eq!(text, "  a   one two       x\n      three four\n      five\n  bb  six           yyyy\n");
    }
}
