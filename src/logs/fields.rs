//! The fields of a line: separated by spaces, texts in quotes.

/// More fields than these are ones that nobody knows yet.
const MOST: usize = 40;

/// The fields of one line, without their quotes.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    fields: [&'a str; MOST],
    count: usize,
}

impl<'a> Fields<'a> {
    /// Takes a line apart. "New fields are added at the end … ignore any fields at the end that you were not
    /// expecting" (AWS guide, load-balancer-access-logs).
    pub(super) fn of(line: &'a str) -> Result<Fields<'a>, String> {
        let mut fields = Fields {
            fields: [""; MOST],
            count: 0,
        };
        let mut rest = line.trim_start();
        for field in &mut fields.fields {
            if rest.is_empty() {
                break;
            }
            (*field, rest) = match rest.strip_prefix('"') {
                Some(text) => quoted(text)
                    .ok_or_else(|| format!("field {} has no closing quote", fields.count + 1))?,
                None => rest
                    .split_at_checked(rest.find(' ').unwrap_or(rest.len()))
                    .unwrap_or((rest, "")),
            };
            fields.count += 1;
            rest = rest.trim_start_matches(' ');
        }
        Ok(fields)
    }

    /// How many.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The field at a place, from 0; nothing if it is empty, `-`, or not there.
    pub(super) fn get(&self, place: usize) -> Option<&'a str> {
        self.fields
            .get(place)
            .copied()
            .filter(|field| !field.is_empty() && *field != "-")
    }

    /// The field at a place as a number, if one stands there.
    pub(super) fn number<T: std::str::FromStr>(
        &self,
        place: usize,
        what: &str,
    ) -> Result<Option<T>, String> {
        self.get(place)
            .map(|text| text.parse().map_err(|_| format!("`{text}` is no {what}")))
            .transpose()
    }
}

/// A quoted text, and what follows its closing quote; a quote behind a backslash is part of the text.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let mut ends = |letter: char| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    };
    let (end, _) = text.char_indices().find(|(_, letter)| ends(*letter))?;
    let (quoted, rest) = text.split_at_checked(end)?;
    Some((quoted, rest.strip_prefix('"')?))
}

/// The address of `ADDRESS:PORT`, whose port is all digits; IPv6 in brackets or not.
pub(super) fn address(text: &str) -> Option<&str> {
    let (address, port) = text.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !address.is_empty()).then(|| address.trim_matches(['[', ']']))
}
