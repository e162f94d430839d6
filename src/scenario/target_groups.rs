//! Further target groups of the same pods (`[[other_target_group]]`), as they were written.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::check;
use super::layer::{Layer, Source, read};
use crate::aws::target_group::OtherTargetGroupSpec;
use crate::error::Error;

/// The table's name, and that of the keys in it.
pub(super) const TABLE: &str = "other_target_group";

/// A target group as it was written: its keys, and where it stands.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pub(super) layer: Layer<'a>,
    source: Source<'a>,
    span: Range<usize>,
}

/// Takes the list apart.
pub(super) fn written<'a>(
    source: Source<'a>,
    value: Spanned<DeValue<'a>>,
) -> Result<Vec<Written<'a>>, Error> {
    let span = value.span();
    let DeValue::Array(array) = value.into_inner() else {
        let hint = format!(
            "write [[{TABLE}]], with two brackets, for each target group beside [target_group]"
        );
        return Err(source
            .error(format!("`{TABLE}` is a list"), span)
            .hint(hint));
    };
    array.into_iter().map(|item| one(source, item)).collect()
}

fn one<'a>(source: Source<'a>, item: Spanned<DeValue<'a>>) -> Result<Written<'a>, Error> {
    let span = item.span();
    let DeValue::Table(table) = item.into_inner() else {
        return Err(source
            .error("a target group is a table", span)
            .hint(format!("[[{TABLE}]] name = \"internal\"")));
    };
    let mut layer = Layer::new();
    source.flatten(TABLE, table, &mut layer)?;
    Ok(Written {
        layer,
        source,
        span,
    })
}

/// What was written means this.
pub(super) fn meaning(written: &[Written<'_>]) -> Result<Vec<OtherTargetGroupSpec>, Error> {
    let one = |written: &Written<'_>| {
        check::name(&written.layer, "other_target_group.name")?;
        read(&written.layer, TABLE)
    };
    written.iter().map(one).collect()
}

impl Written<'_> {
    /// An error at the table.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.source.error(message, self.span.clone())
    }
}
