//! What is demanded: an exception stands here, with its reason.

/// The staircase, lowest step first. A module names lower steps only. A unit is a module with all
/// that is in it; `aws::*` makes each module in `aws` a unit of its own.
pub const STEPS: &[(&str, &[&str])] = &[
    (
        "words",
        &[
            "time", "id", "verdict", "escape", "error", "setting", "visited",
        ],
    ),
    ("chance", &["random", "dist"]),
    ("clockwork", &["agenda", "actor"]),
    (
        "the rooms' vocabulary",
        &[
            "cluster",
            "cluster::disruption",
            "cluster::pod",
            "cluster::service",
            "cluster::spec",
            "cluster::token_bucket",
            "cluster::workload",
            "aws",
            "aws::target",
        ],
    ),
    ("rooms", &["cluster::*", "aws::*"]),
    ("what can happen", &["event"]),
    (
        "the house",
        &[
            "disturbance",
            "scenario",
            "wiring",
            "world",
            "observe",
            "rollout",
            "traffic",
        ],
    ),
    (
        "judging",
        &[
            "calibrate",
            "logs",
            "manifest",
            "check",
            "monte_carlo",
            "stats",
            "sweep",
            "compare",
            "recommend",
            "pre_stop",
        ],
    ),
    ("telling", &["explain", "report", "plot"]),
    ("the binary", &["cli"]),
];

/// Units on one step of which the first may name the second, and why.
pub const NEIGHBOURS: &[(&str, &str, &str)] = &[
    (
        "error",
        "escape",
        "what an error quotes of an input stays in its place",
    ),
    ("visited", "error", "a walk that is too long is refused"),
    ("dist", "random", "a distribution draws from a stream"),
    (
        "actor",
        "agenda",
        "the driver that tests one actor alone has an agenda",
    ),
    (
        "cluster::deployment",
        "cluster::rolling",
        "one room in two files: the controller's timing and its arithmetic",
    ),
    (
        "cluster::rolling",
        "cluster::deployment",
        "one room in two files: the controller's timing and its arithmetic",
    ),
    (
        "cluster::kubelet",
        "cluster::app",
        "a probe hears the application's answer",
    ),
    (
        "plot",
        "report",
        "a chart writes numbers and findings as the report beside it does",
    ),
    (
        "aws::alb_node",
        "aws::health_check",
        "each node makes its own health checks",
    ),
    (
        "aws::target_group",
        "aws::health_check",
        "the scenario file nests the check's settings in the target group's",
    ),
    (
        "scenario",
        "disturbance",
        "a scenario holds the settings of its disturbances",
    ),
    ("world", "wiring", "a fact is delivered as the wiring says"),
    (
        "wiring",
        "scenario",
        "links take as long as the scenario says",
    ),
    (
        "world",
        "scenario",
        "the rooms are furnished as the scenario says",
    ),
    (
        "observe",
        "wiring",
        "a listener hears the facts that the wiring tells",
    ),
    (
        "observe",
        "scenario",
        "the checker holds the rollout to the bounds that the scenario states",
    ),
    (
        "observe",
        "disturbance",
        "the checker knows in what weather a promise does not hold",
    ),
    ("rollout", "scenario", "stage 1 simulates a scenario"),
    (
        "rollout",
        "disturbance",
        "disturbances unfold before the run",
    ),
    (
        "wiring",
        "disturbance",
        "a disturbance's rules hold for links",
    ),
    (
        "world",
        "disturbance",
        "a disturbance's rules are handed on to the wiring",
    ),
    ("traffic", "disturbance", "a load step is the load's"),
    ("rollout", "wiring", "stage 1 puts the house together"),
    ("rollout", "world", "stage 1 puts the house together"),
    ("rollout", "observe", "stage 1 ends in a timeline"),
    ("traffic", "scenario", "stage 2 sends the scenario's load"),
    ("traffic", "observe", "stage 2 starts from a timeline"),
    ("monte_carlo", "stats", "replications end in intervals"),
    (
        "calibrate",
        "logs",
        "what logs say is what is estimated from",
    ),
    ("calibrate", "stats", "logs end in settings with intervals"),
    (
        "check",
        "pre_stop",
        "a hook is held to what the load balancer's lag needs",
    ),
    (
        "recommend",
        "pre_stop",
        "the values that are tried are those that people type",
    ),
    (
        "calibrate",
        "monte_carlo",
        "logs are held against forecasts",
    ),
    ("check", "manifest", "what is checked may be manifests"),
    ("check", "monte_carlo", "a finding is weighed by forecasts"),
    ("check", "stats", "a finding is weighed by forecasts"),
    (
        "sweep",
        "monte_carlo",
        "a question asked of many replications",
    ),
    ("sweep", "stats", "a question asked of many replications"),
    (
        "compare",
        "monte_carlo",
        "a question asked of many replications",
    ),
    ("compare", "stats", "a question asked of many replications"),
    (
        "recommend",
        "monte_carlo",
        "a question asked of many replications",
    ),
    (
        "recommend",
        "stats",
        "a question asked of many replications",
    ),
    (
        "recommend",
        "compare",
        "a candidate is compared with what there is",
    ),
    ("recommend", "sweep", "candidates are the cells of a grid"),
];

/// Where a dependency may be used.
pub struct Door {
    pub dependency: &'static str,
    /// Modules as paths: `src/cli` is a file, a folder, or both.
    pub modules: &'static [&'static str],
    /// Whether unit tests elsewhere may use it.
    pub free_in_tests: bool,
}

const fn door(dependency: &'static str, modules: &'static [&'static str]) -> Door {
    Door {
        dependency,
        modules,
        free_in_tests: false,
    }
}

pub const DOORS: &[Door] = &[
    door("clap", &["src/cli", "src/main"]),
    door("clap_complete", &["src/cli"]),
    door("clap_mangen", &["src/cli"]),
    door("flate2", &["src/logs"]),
    door("hdrhistogram", &["src/traffic", "src/monte_carlo"]),
    door("indicatif", &["src/cli", "src/main"]),
    door("jiff", &["src/time"]),
    door("plotters", &["src/plot"]),
    door("png", &["src/plot"]),
    door("rand", &["src/random"]),
    door("rand_distr", &["src/dist"]),
    door("rand_xoshiro", &["src/random"]),
    door("rayon", &["src/monte_carlo"]),
    door("serde_saphyr", &["src/manifest"]),
    door(
        "serde_json",
        &[
            "src/report",
            "src/cli",
            "src/calibrate",
            "src/logs",
            "src/manifest",
            // The forms of settings, which a schema is made of.
            "src/setting",
            "src/dist",
            "src/aws",
            "src/cluster",
            "src/scenario",
        ],
    ),
    door("signal_hook", &["src/cli"]),
    door("statrs", &["src/stats", "src/dist"]),
    door("strsim", &["src/scenario", "src/cli"]),
    door("tempfile", &["src/cli", "src/scenario"]),
    Door {
        dependency: "toml",
        modules: &["src/scenario"],
        free_in_tests: true,
    },
];

/// Dependencies that any file may use.
pub const DOOR_FREE: &[&str] = &["serde"];

/// Tokens that the library must not contain, why, and where they are no harm.
pub const BANNED: &[(&[&str], &str, &[&str])] = &[
    (
        &["HashMap"],
        "its order differs from run to run; use a BTreeMap",
        &["src/cli/"],
    ),
    (
        &["HashSet"],
        "its order differs from run to run; use a BTreeSet",
        &["src/cli/"],
    ),
    (
        &["Instant", "::", "now"],
        "the model knows no clock but its own",
        &["src/cli/"],
    ),
    (
        &["SystemTime"],
        "the model knows no clock but its own",
        &["src/cli/"],
    ),
];

/// Marks of what is unfinished or switched off: tokens one after another; single words also in comments.
pub const UNFINISHED: &[&str] = &[
    "TODO",
    "FIXME",
    "todo !",
    "unimplemented !",
    "dbg !",
    "# [ ignore",
];

/// Words that say nothing, in names of files and of things.
pub const SHUNNED: &[&str] = &["manager", "managers", "helper", "helpers", "util", "utils"];

/// Lines of a file, of an example, of a function, as rustfmt breaks them at 100 columns.
pub const LONGEST_FILE: usize = 700;
pub const LONGEST_EXAMPLE: usize = 60;
pub const LONGEST_FUNCTION: usize = 120;

/// What the project consists of: folders, and parts of the names of files at the root.
pub const PLACES: &[&str] = &[
    "src",
    "tests",
    "examples",
    "benches",
    "scenarios",
    "docs",
    ".ci",
];
pub const ROOT_FILES: &[&str] = &[".md", ".toml", ".yml", ".yaml", "LICENSE"];
