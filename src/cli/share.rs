//! Which share of a sweep this process does: as told, or as a batch system tells it.

use rollcast::error::Error;
use rollcast::sweep::Share;

/// The variable that tells an Indexed Job's pods how many they are: Kubernetes tells them only which.
const SHARDS: &str = "ROLLCAST_SHARDS";

/// The share of `--shard`, else of the environment, else the whole.
///
/// # Errors
/// The environment tells which share, but not of how many, or contradicts itself.
pub fn of(shard: Option<Share>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Share, Error> {
    if let Some(share) = shard {
        return Ok(share);
    }
    let number = |name: &str| -> Result<Option<usize>, Error> {
        let parse = |text: String| {
            text.trim()
                .parse()
                .map_err(|_| Error::input(format!("{name}={text} is no number")))
        };
        variable(name).map(parse).transpose()
    };
    if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let of = number(SHARDS)?.ok_or_else(|| {
            Error::input("JOB_COMPLETION_INDEX says which share this is, but not of how many").hint(
                format!("set {SHARDS} to the Job's completions, or give --shard"),
            )
        })?;
        return share(index + 1, of, "JOB_COMPLETION_INDEX");
    }
    let Some(id) = number("SLURM_ARRAY_TASK_ID")? else {
        return Ok(Share::WHOLE);
    };
    let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
    let step = number("SLURM_ARRAY_TASK_STEP")?
        .filter(|step| *step > 0)
        .unwrap_or(1);
    let of = number("SLURM_ARRAY_TASK_COUNT")?.ok_or_else(|| {
        Error::input("SLURM_ARRAY_TASK_ID is set, but SLURM_ARRAY_TASK_COUNT is not")
            .hint("give --shard")
    })?;
    let index = id
        .checked_sub(first)
        .ok_or_else(|| Error::input("SLURM_ARRAY_TASK_ID is below SLURM_ARRAY_TASK_MIN"))?;
    share(index / step + 1, of, "SLURM_ARRAY_TASK_ID")
}

fn share(number: usize, of: usize, variable: &str) -> Result<Share, Error> {
    Share::parse(&format!("{number}/{of}"))
        .map_err(|why| Error::input(format!("{variable}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<(usize, usize), &str>) {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        };
        match (of(None, &variable), expected) {
            (Ok(share), Ok(expected)) => assert_eq!((share.number, share.of), expected),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn batch_systems_deal_the_shares() {
        check(&[], Ok((1, 1)));
        check(&[("JOB_COMPLETION_INDEX", "2"), (SHARDS, "6")], Ok((3, 6)));
        check(&[("JOB_COMPLETION_INDEX", "2")], Err("not of how many"));
        check(
            &[("JOB_COMPLETION_INDEX", "6"), (SHARDS, "6")],
            Err("no share 7 of 6"),
        );
        let slurm = |id| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", "10"),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
            ]
        };
        check(&slurm("10"), Ok((1, 4)));
        check(&slurm("13"), Ok((4, 4)));
        check(&slurm("9"), Err("below"));
        check(
            &[slurm("14").as_slice(), &[("SLURM_ARRAY_TASK_STEP", "2")]].concat(),
            Ok((3, 4)),
        );
        check(&[("SLURM_ARRAY_TASK_ID", "x")], Err("no number"));
        check(&[("SLURM_ARRAY_TASK_ID", "1")], Err("COUNT is not"));
    }

    #[test]
    fn what_is_told_wins() {
        let told = Share::parse("2/3").unwrap();
        assert_eq!(of(Some(told), &|_| Some("x".to_owned())).unwrap(), told);
    }
}
