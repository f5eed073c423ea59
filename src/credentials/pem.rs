//! PEM blocks, told from the text around them as OpenSSL does when a broker loads its certificates.
//!
//! Seen with OpenSSL 3.0: text outside the blocks is ignored, lines may end in blanks or CR, a byte-order
//! mark at the start is skipped; a BEGIN or END line that is indented or has text behind it is none. Any
//! broken block makes the whole file fail, also one of a kind that is not wanted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block between BEGIN and END.
pub(super) struct Block {
    /// What stands behind BEGIN, such as `CERTIFICATE`.
    pub(super) label: String,
    /// The lines such as `Proc-Type: 4,ENCRYPTED` in front of the data.
    pub(super) headers: String,
    /// The decoded data, cleared on drop since it may be a private key.
    pub(super) data: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Whether the data are encrypted in the old way, which the headers tell.
    pub(super) fn is_encrypted(&self) -> bool {
        self.headers.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    }

    /// Whether the label is that of a private key of any kind.
    pub(super) fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

/// The blocks of a file in order; a broken one is an error text, and the last item.
pub(super) fn blocks(file: &[u8]) -> impl Iterator<Item = Result<Block, &'static str>> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut lines = file.split(|byte| *byte == b'\n').map(trim_end);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        let label = lines.by_ref().find_map(|line| framed(line, b"-----BEGIN "))?;
        let block = block(label, &mut lines);
        broken = block.is_err();
        Some(block)
    })
}

fn block<'a>(label: &[u8], lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Block, &'static str> {
    let mut headers = String::new();
    let mut text = Zeroizing::new(Vec::new());
    let mut in_headers = false;
    for (number, line) in lines.enumerate() {
        if let Some(end) = framed(line, b"-----END ") {
            if end != label {
                return Err("its end line names something else than its begin line");
            }
            // The decoder wants one run of digits; blanks inside a line are fine for OpenSSL.
            text.retain(|byte: &u8| !byte.is_ascii_whitespace());
            let data = STANDARD.decode(&*text).map_err(|_| "its base64 is broken")?;
            let label = String::from_utf8_lossy(label).into_owned();
            return Ok(Block { label, headers, data: Zeroizing::new(data) });
        }
        in_headers |= number == 0 && line.contains(&b':');
        match (line.is_empty(), in_headers) {
            (true, true) => in_headers = false,
            (true, false) if number > 0 => return Err("it has an empty line inside"),
            (true, false) => {}
            (false, true) => {
                headers.push_str(&String::from_utf8_lossy(line));
                headers.push('\n');
            }
            (false, false) => text.extend_from_slice(line),
        }
    }
    Err("it has no end line")
}

/// What stands between the given start and the closing dashes.
fn framed<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

/// OpenSSL drops every byte up to the space at the end of a line.
fn trim_end(line: &[u8]) -> &[u8] {
    let kept = line.iter().rposition(|byte| *byte > b' ').map_or(0, |last| last + 1);
    line.get(..kept).unwrap_or_default()
}
