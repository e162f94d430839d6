//! The words of reports, and other people's words for what a scenario calls otherwise.

/// A row, a column or a word of a report.
pub(super) struct Term {
    /// As reports write it; the first is its name.
    pub words: &'static [&'static str],
    /// What it is.
    pub meaning: &'static str,
}

const fn term(words: &'static [&'static str], meaning: &'static str) -> Term {
    Term { words, meaning }
}

/// Rows and columns of reports, in the order in which they come.
pub(super) const TERMS: &[Term] = &[
    term(
        &["any 5xx", "any", "5xx", "5xx a rollout", "mean 5xx"],
        "Responses 502, 503 and 504 of one rollout together: what users see. A client's own time-out (460) is none.",
    ),
    term(
        &[
            "requests a rollout",
            "a rollout",
            "mean a rollout",
            "requests",
        ],
        "What one rollout comes to. Each row is the number of requests that ended so while one rollout was simulated.",
    ),
    term(
        &["sent", "first sent", "last sent"],
        "Requests that clients sent in one rollout.",
    ),
    term(
        &["sent again"],
        "Attempts beyond a request's first (load.retries). Only how a request ends in the end counts as its status.",
    ),
    term(&["200", "ok"], "Requests that were answered with success."),
    term(&["mean"], "The average over all simulated rollouts."),
    term(
        &[
            "its 95 % interval",
            "95 % of it",
            "95 % interval",
            "95 %",
            "interval",
            "confidence",
        ],
        "The confidence interval of the mean: more rollouts (--runs) make it narrower. Its level is monte_carlo.confidence. It says how sure the average is, not what one rollout may cost.",
    ),
    term(
        &["A", "B", "B − A", "difference"],
        "The two scenarios that compare was given, and what the second has more than the first, in pairs of rollouts that share their chance.",
    ),
    term(
        &["pairs differ", "not sure"],
        "In how many pairs of rollouts the two differ in this row. `not sure`: chance alone may be the reason.",
    ),
    term(
        &[
            "90 % of rollouts",
            "nine rollouts in ten",
            "p05",
            "p50",
            "p95",
        ],
        "From the 5th to the 95th percentile of the simulated rollouts: what one rollout may cost. More runs do not make it narrower.",
    ),
    term(
        &[
            "rollouts with any",
            "rollouts with any 5xx",
            "any in",
            "share of rollouts",
        ],
        "The share of rollouts with at least one, with its Clopper-Pearson interval in brackets. Where none had any, the interval's upper end still says how many might.",
    ),
    term(
        &["the rollout", "rollout"],
        "How the rollout itself went. Seconds count from its start.",
    ),
    term(
        &[
            "complete after",
            "complete",
            "complete after (s)",
            "duration",
            "time",
        ],
        "From the rollout's start until the Deployment says that it is complete: all new pods available, no old one left in the count. Pods that still stop are not waited for.",
    ),
    term(
        &[
            "old pods gone",
            "old pods gone after",
            "last old pod is gone",
        ],
        "From the rollout's start until the last old pod's object is gone. A longer preStop moves this, and hardly the completion.",
    ),
    term(
        &["extra pods", "extra pod·s", "extra pod-seconds", "extra"],
        "Pod-seconds beyond the desired replicas: surge, and old pods that still stop. What the rollout costs in capacity.",
    ),
    term(
        &["least routable targets", "routable targets"],
        "The fewest targets that any node of the load balancer could choose at one moment of the rollout. 0 means that it answered 503.",
    ),
    term(
        &["first 5xx", "last 5xx", "when"],
        "When the first and the last 5xx came, in seconds after the rollout's start.",
    ),
    term(
        &["latency", "latencies", "p90", "p99", "max"],
        "From a request until its client was told how it ended, failures included: a connect-timeout takes 10 s.",
    ),
    term(
        &[
            "between environments",
            "not knowing your environment",
            "within",
            "chance",
        ],
        "The spread between rollouts in two parts. One is that nobody knows how your load balancer and your cluster are: measuring and setting what is assumed narrows it. The other is chance, which stays.",
    ),
    term(
        &[
            "assumed",
            "neither given nor published, so assumed",
            "assumption",
            "assumptions",
            "what is assumed",
        ],
        "Values that the forecast rests on and that nobody gave or published. Give your own in the scenario, in rollcast.toml or with --set.",
    ),
    term(
        &["documented"],
        "A grade of a default: the vendor's documentation or source code says so.",
    ),
    term(
        &["measured"],
        "A grade of a default: somebody measured it and published the number.",
    ),
    term(
        &["grade"],
        "How much is known of a default: documented, measured or assumed.",
    ),
    term(
        &["replication", "replications", "runs", "rollouts simulated"],
        "One simulated rollout. Its number and the seed replay it: rollcast trace --replication N.",
    ),
    term(
        &["seed"],
        "The number that everything left to chance follows from: the same seed gives the same bytes.",
    ),
    term(
        &["scenario", "digest"],
        "The 16 digits after it stand for what the scenario means, with rollcast.toml, --config and --set: two files with the same digits are one scenario.",
    ),
    term(
        &["fingerprint"],
        "The digits after it stand for the result: equal digits, equal results, whatever the number of threads.",
    ),
    term(
        &["engine", "request", "interval engine"],
        "How requests were simulated: `request` simulates each on its own, `interval` counts them between changes, which takes no longer at a million a second.",
    ),
    term(
        &["environment"],
        "A cluster and its load balancer: what differs from one to another and is drawn once for each simulated rollout.",
    ),
    term(
        &["difference", "a rollout fewer"],
        "The second scenario less the first, in rollouts under the same chance: negative is better for errors.",
    ),
    term(
        &["pairs", "pairs that differ", "differing"],
        "Two rollouts under the same chance, one of each scenario. What they share cancels out, so that few of them tell.",
    ),
    term(
        &["significant"],
        "Whether the interval of the difference leaves out zero.",
    ),
    term(
        &["variance ratio", "variance"],
        "How many times more rollouts it would take to see the difference without common chance.",
    ),
    term(
        &["settings", "setting", "axes", "axis"],
        "What was varied or tried, as dotted keys: rollcast explain pod.pre_stop.",
    ),
    term(
        &["objective", "goal", "objectives", "meets the goal", "meets"],
        "At most so many 5xx in at least that share of rollouts ([objectives], --objective \"0 in 95 %\"). `met` and `missed` are beyond doubt at the level of confidence, `unclear` is neither.",
    ),
    term(
        &["met", "met the objective", "yes", "proven"],
        "The objective holds: also the unfavourable end of the interval keeps to it.",
    ),
    term(
        &["missed", "no", "objective missed", "unmet"],
        "The objective does not hold: also the favourable end of the interval breaks it.",
    ),
    term(
        &[
            "unclear",
            "inconclusive",
            "undecided",
            "neither met nor missed for sure",
        ],
        "The runs do not tell whether the objective holds: more of them would (--runs).",
    ),
    term(
        &["on its own", "with others", "sensitivity"],
        "Sobol indices: the share of the variance that a setting explains alone, and with all that it has together with others.",
    ),
    term(
        &["points", "point"],
        "Configurations that a sweep simulated.",
    ),
    term(
        &["none"],
        "Not seen in any simulated rollout. The bound beside it says how many there might be.",
    ),
    term(
        &["at most"],
        "An upper bound at the level of confidence: nothing was seen, and this is what not seeing it proves.",
    ),
    term(&["never"], "It did not happen in any simulated rollout."),
    term(
        &[
            "findings", "finding", "rule", "severity", "error", "warning", "note",
        ],
        "What a rule of `check` found. error: it costs requests in every rollout, or does nothing that it was meant to; warning: in some rollouts; note: worth knowing. --fail-on says which of them fail a build.",
    ),
    term(
        &["with every fix", "fix", "with the fix"],
        "The same rollouts with what the findings advise.",
    ),
    term(
        &["entrance", "service"],
        "What leads requests to the pods: Ingress or Gateway, Service, Deployment.",
    ),
    term(
        &["verdict", "not simulated"],
        "How a configuration stands to its objective; or why it was not simulated.",
    ),
    term(
        &["not forecast", "left out"],
        "An object that requests may come to and of which there is no forecast: why stands beside it.",
    ),
    term(
        &["noticed"],
        "Something about the manifests that the forecast does not depend on, and that you may want to know.",
    ),
    term(&["patch"], "All fixes together, for kubectl patch."),
    term(&["pod"], "A pod, by its name in the simulated cluster."),
    term(
        &["node"],
        "A host of the cluster; `ALB node`: one of the load balancer's own machines, each of which chooses targets by itself.",
    ),
    term(
        &["alb node", "nodes"],
        "One of the load balancer's own machines. Each learns by itself, and at its own time, which targets there are.",
    ),
    term(
        &["status", "observed", "predicted mean", "inside", "outside"],
        "calibrate: what your logs hold beside what the scenario predicts. Outside: fewer than one rollout in ten would be so far off.",
    ),
    term(
        &["estimate", "what the logs tell"],
        "calibrate: a value measured in your logs, with its interval.",
    ),
    term(
        &["created", "bound", "running"],
        "trace: when a pod's object was made, when it got a host, when its containers had started.",
    ),
    term(
        &["in slice", "out of slice"],
        "trace: when the pod's address came into the Service's EndpointSlices as ready, and when it left them.",
    ),
    term(
        &["registered", "deregistered", "drained", "target"],
        "trace: when the pod became a target (RegisterTargets), ceased to be one (DeregisterTargets), and when its deregistration delay was over.",
    ),
    term(
        &["deleted", "closed", "ended", "no network", "gone"],
        "trace: when the pod's deletion began, when its process stopped listening, when that ended, when the pod had no network any more, and when its object was gone.",
    ),
    term(
        &["price", "prefer", "old pods later"],
        "What a setting costs beside what it saves: time until the old pods are gone, time to complete, extra pod-seconds.",
    ),
    term(
        &["removes", "recommended"],
        "recommend: what a change saves, by cause.",
    ),
    term(
        &[
            "sigterm",
            "terminating",
            "draining",
            "initial",
            "healthy",
            "unhealthy",
            "serving",
        ],
        "A state in the story of a rollout: of the pod (terminating from its deletion on, SIGTERM when preStop has ended) or of a target in the eyes of a node (initial until a health check passes, draining after its deregistration).",
    ),
    term(
        &["rollcast.toml", "configuration"],
        "What a project has settled for all its scenarios and manifests: the nearest file of that name from the current directory upwards. Every command takes it. The stronger of two wins: defaults, rollcast.toml, scenario or manifest, --config, flags and --set. --no-config or ROLLCAST_NO_CONFIG=1 leaves it out.",
    ),
];

/// Keys as annotations, attributes and manifests spell them, where the spelling alone does not tell.
pub(super) const SPELLINGS: &[(&str, &str)] = &[
    ("lifecycle", "pod.pre_stop"),
    ("preStopHook", "pod.pre_stop"),
    ("sleep", "pod.pre_stop"),
    ("readinessGates", "pod.readiness_gate"),
    ("rollingUpdate", "deployment.strategy"),
    (
        "deregistration_delay.timeout_seconds",
        "target_group.deregistration_delay",
    ),
    ("slow_start.duration_seconds", "target_group.slow_start"),
    ("load_balancing.algorithm.type", "target_group.algorithm"),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "target_group.anomaly_mitigation",
    ),
    ("stickiness.enabled", "target_group.stickiness"),
    (
        "stickiness.lb_cookie.duration_seconds",
        "target_group.stickiness",
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "target_group.health.minimum_healthy_count",
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "target_group.health.minimum_healthy_percentage",
    ),
    ("idle_timeout.timeout_seconds", "load_balancer.idle_timeout"),
    (
        "alb.ingress.kubernetes.io/target-type",
        "target_group.target_type",
    ),
    (
        "alb.ingress.kubernetes.io/target-group-attributes",
        "target_group",
    ),
    (
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        "load_balancer",
    ),
    (
        "alb.ingress.kubernetes.io/healthcheck-interval-seconds",
        "target_group.health_check.interval",
    ),
    (
        "alb.ingress.kubernetes.io/healthcheck-timeout-seconds",
        "target_group.health_check.timeout",
    ),
    (
        "alb.ingress.kubernetes.io/healthy-threshold-count",
        "target_group.health_check.healthy_threshold",
    ),
    (
        "alb.ingress.kubernetes.io/unhealthy-threshold-count",
        "target_group.health_check.unhealthy_threshold",
    ),
    (
        "alb.ingress.kubernetes.io/healthcheck-port",
        "target_group.health_check.port",
    ),
    (
        "elbv2.k8s.aws/pod-readiness-gate-inject",
        "pod.readiness_gate",
    ),
];

/// A kind of application, the profiles that it may have, and the question that tells them apart.
pub(super) struct Alias {
    /// What people call it.
    pub words: &'static [&'static str],
    /// What tells the profiles apart.
    pub question: &'static str,
    /// Profiles, with the answer that each stands for.
    pub profiles: &'static [(&'static str, &'static str)],
}

/// Applications by the names that people give them.
pub(super) const ALIASES: &[Alias] = &[
    Alias {
        words: &[
            "node",
            "nodejs",
            "express",
            "koa",
            "fastify",
            "nestjs",
            "javascript",
            "typescript",
        ],
        question: "Does the application handle SIGTERM with server.close()?",
        profiles: &[
            (
                "node-http",
                "no, or nobody knows: as PID 1 it serves until SIGKILL",
            ),
            ("node-http-close", "yes"),
        ],
    },
    Alias {
        words: &["go", "golang", "gin", "echo", "chi", "fiber"],
        question: "Does the application handle SIGTERM with Server.Shutdown?",
        profiles: &[
            (
                "go-http",
                "no, or nobody knows: SIGTERM ends the process at once",
            ),
            ("go-http-shutdown", "yes"),
        ],
    },
    Alias {
        words: &[
            "spring",
            "spring-boot",
            "springboot",
            "java",
            "jvm",
            "kotlin",
        ],
        question: "Which Spring Boot is it, and is server.shutdown=graceful set?",
        profiles: &[
            (
                "spring-boot-3.4",
                "3.4 or newer, or graceful is set: it drains",
            ),
            (
                "spring-boot-3.3",
                "before 3.4 without it: requests are cut at SIGTERM",
            ),
            ("tomcat", "no Spring Boot: a Tomcat of its own"),
        ],
    },
    Alias {
        words: &["django", "flask", "python", "wsgi"],
        question: "Which server runs it?",
        profiles: &[
            ("gunicorn", "gunicorn, the usual one"),
            ("uvicorn", "uvicorn, for ASGI"),
        ],
    },
    Alias {
        words: &["fastapi", "starlette", "asgi"],
        question: "Which server runs it?",
        profiles: &[
            ("uvicorn", "uvicorn"),
            ("gunicorn", "gunicorn with workers of its own"),
        ],
    },
    Alias {
        words: &["rails", "ruby", "sinatra", "rack"],
        question: "Is Puma its server?",
        profiles: &[("puma", "yes, the usual one")],
    },
    Alias {
        words: &["dotnet", ".net", "aspnet", "asp.net", "csharp", "c#"],
        question: "Is Kestrel its server?",
        profiles: &[("kestrel", "yes, the usual one")],
    },
    Alias {
        words: &["php", "static", "frontend", "openresty"],
        question: "How does nginx end: does its image say STOPSIGNAL SIGQUIT?",
        profiles: &[
            ("nginx", "no: SIGTERM is its fast shutdown"),
            ("nginx-quit", "yes, as the official image does"),
        ],
    },
    Alias {
        words: &["istio", "istio-proxy", "service mesh"],
        question: "Is Envoy the first thing that requests come to in the pod?",
        profiles: &[("envoy", "yes")],
    },
];
