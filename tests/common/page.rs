//! Generated parts of docs/VALIDATION.md: what stands between two markers is what the code says.

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/VALIDATION.md");

/// The part named `name` is `text`; with `ROLLCAST_BLESS=1` it becomes it.
pub fn check(name: &str, text: &str) {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let (start, end) = (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let from = page.find(&start).expect("the part begins") + start.len();
    let to = from + page[from..].find(&end).expect("the part ends");
    if page[from..to] == *text {
        return;
    }
    assert!(
        std::env::var_os("ROLLCAST_BLESS").is_some(),
        "docs/VALIDATION.md differs (ROLLCAST_BLESS=1 accepts it):\n{text}"
    );
    std::fs::write(PAGE, format!("{}{text}{}", &page[..from], &page[to..]))
        .expect("the page can be written");
}
