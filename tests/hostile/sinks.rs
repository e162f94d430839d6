//! Whatever a name says: each sink's own parser reads back that name, and nothing else.

use proptest::prelude::*;
use rollcast::escape;

/// Marks of every sink, and anything at all.
pub fn hostile() -> impl Strategy<Value = String> {
    const MARKS: [&str; 40] = [
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[31m",
        "\u{9b}2J",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{e0041}",
        "::error::",
        " ::",
        "##[error]",
        "###",
        "##vso[",
        "\"",
        "'",
        "\\",
        "`",
        "```",
        "|",
        "<script>",
        "</script>",
        "<!--",
        "&amp;",
        "]]>",
        "[x](y)",
        "![",
        "*",
        "_",
        "@all",
        "https://x",
        "www.x",
        "=1+1",
        ",",
        ";",
        "#",
        "%0A",
    ];
    let part = prop_oneof![
        3 => (0..MARKS.len()).prop_map(|at| MARKS[at].to_owned()),
        1 => any::<String>(),
        1 => "[a-z0-9 .-]{0,9}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// Nothing that a terminal or a CI system would obey.
pub fn is_tame(text: &str) -> bool {
    let command = |line: &str| {
        let marked = line.split("##").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .starts_with('[')
        });
        line.trim_start().starts_with("::") || marked
    };
    !text
        .chars()
        .any(|letter| letter != '\n' && escape::is_obeyed(letter))
        && !text.lines().any(command)
}

proptest! {
    #[test]
    fn a_line_is_one_line(text in hostile()) {
        let line = escape::line(&text);
        prop_assert!(!line.chars().any(escape::is_obeyed));
        prop_assert!(is_tame(&escape::lines(&text)));
        prop_assert_eq!(escape::lines(&text).matches('\n').count(), text.matches('\n').count());
        // What is tame is not written twice.
        prop_assert_eq!(escape::lines(&escape::lines(&text)), escape::lines(&text));
    }

    #[test]
    fn json_reads_back(text in hostile()) {
        let value = serde_json::json!({ "a": { text.as_str(): [text] } });
        let written = escape::json(&format!("{value:#}\n"));
        prop_assert!(is_tame(&written), "{}", written);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }

    #[test]
    fn toml_reads_back(text in hostile()) {
        let written = format!("name = {}  # {}\n", escape::toml(&text), escape::line(&text));
        let table: toml::Table = written.parse().unwrap();
        prop_assert_eq!(table.len(), 1);
        prop_assert_eq!(table["name"].as_str(), Some(text.as_str()));
        prop_assert_eq!(written.lines().count(), 1);
    }

    #[test]
    fn yaml_reads_back(text in hostile()) {
        let written = format!("name: {}\n", escape::yaml(&text));
        let read: std::collections::BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(&written).unwrap();
        prop_assert_eq!(read["name"].as_str(), Some(text.as_str()), "{}", written);
    }

    #[test]
    fn xml_reads_back(text in hostile()) {
        let escaped = escape::xml(&text);
        let document = format!("<a b=\"{escaped}\">{escaped}</a>");
        let read = roxmltree::Document::parse(&document).unwrap();
        let root = read.root_element();
        prop_assert!(!root.has_children() || root.children().all(|child| child.is_text()));
        prop_assert_eq!(root.attributes().count(), 1);
        let shown: String = text.chars().map(|letter| match letter {
            '\n' | '\t' => letter.to_string(),
            letter if letter == '\u{fffe}' || letter == '\u{ffff}' => format!("\\u{{{:x}}}", u32::from(letter)),
            letter => escape::line(&letter.to_string()),
        }).collect();
        prop_assert_eq!(root.text().unwrap_or_default(), shown);
    }

    #[test]
    fn a_cell_is_one_cell_and_no_formula(text in hostile()) {
        let cell = escape::csv(&text);
        let bare = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
        prop_assert!(!cell.contains(['\n', '\r']));
        match bare {
            Some(bare) => prop_assert!(!bare.replace("\"\"", "").contains('"')),
            None => prop_assert!(!cell.contains([',', ';', '"'])),
        }
        let first = bare.unwrap_or(&cell).chars().next();
        prop_assert!(cell.parse::<f64>().is_ok() || !first.is_some_and(|first| "=+-@\t\r".contains(first)));
    }

    #[test]
    fn a_command_is_one_command(text in hostile()) {
        let property = escape::workflow_property(&text);
        let command = format!("::error file={property},line=1::{}", escape::workflow_message(&text));
        prop_assert!(!command.chars().any(escape::is_obeyed));
        prop_assert!(!property.contains([':', ',']));
        prop_assert_eq!(command.split_once("::").unwrap().1.split("::").next().unwrap().matches(',').count(), 1);
    }

    #[test]
    fn markdown_starts_no_markup(text in hostile()) {
        let shown = escape::markdown(&text).replace("<!-- -->", "");
        prop_assert!(!shown.contains('<') && !shown.contains('\n'));
        let mut escaped = false;
        for letter in shown.chars() {
            prop_assert!(escaped || !"|`*[]~".contains(letter), "{}", shown);
            escaped = letter == '\\' && !escaped;
        }
        prop_assert!(!escape::markdown(&text).contains("://"));
        prop_assert!(!escape::markdown(&text).contains("@a"));
    }

    #[test]
    fn code_ends_where_it_should(text in hostile()) {
        let code = escape::markdown_code(&text);
        let fence: String = code.chars().take_while(|letter| *letter == '`').collect();
        let inner = code.strip_prefix(&fence).and_then(|code| code.strip_suffix(&fence)).unwrap();
        prop_assert!(inner.split(|letter| letter != '`').all(|run| run.len() != fence.len()));
        let block = escape::markdown_block("yaml", &text);
        let fence: String = block.chars().take_while(|letter| *letter == '`').collect();
        prop_assert_eq!(block.lines().filter(|line| line.trim_start().starts_with(&fence)).count(), 2, "{}", block);
    }

    #[test]
    fn a_link_is_one_path(text in hostile()) {
        prop_assert!(escape::uri(&text).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)));
    }
}

#[test]
fn what_no_sink_obeys_is_left_as_it_is() {
    for plain in [
        "shop",
        "vor der Kur: ½",
        "preStop takes 10s; at most 0 in 99 %",
        "日本 👩‍🚀",
    ] {
        assert_eq!(escape::line(plain), plain);
        assert_eq!(escape::lines(plain), plain);
        assert_eq!(escape::markdown(plain), plain);
    }
    assert_eq!(escape::line("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
    assert_eq!(
        escape::lines("  ::error::x\n##[group]y ###[z"),
        "  \\u{3a}:error::x\n#\\u{23}[group]y ##\\u{23}[z"
    );
    assert_eq!(
        escape::markdown("pod.pre_stop = 1s | <b>"),
        "pod.pre_stop = 1s \\| &lt;b>"
    );
    assert_eq!(escape::csv("=HYPERLINK(1,2)"), "\"'=HYPERLINK(1,2)\"");
    assert_eq!(escape::csv("-0.5"), "-0.5");
    for word in [
        "true",
        "No",
        "123",
        "1e3",
        "0x1f",
        "2024-01-01",
        "",
        "~",
        "-",
        "a: b",
    ] {
        assert!(escape::yaml(word).starts_with('"'), "{word}");
    }
    for word in ["shop", "2048-game", "a.b-c"] {
        assert_eq!(escape::yaml(word), word);
    }
}
