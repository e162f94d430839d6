//! Programs and requests that stop a server.

use super::expand::Argument;
use super::run::base;
use crate::cluster::pod::HookStop;

/// What a program does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Stops(HookStop),
    /// It leaves it serving, and is over at once: `nginx -s reload`.
    Harmless,
    /// It only asks: `kill -0 1`.
    Asks,
    /// The words do not tell.
    Unclear,
}

const NGINX: [&str; 4] = ["nginx", "openresty", "angie", "nginx-debug"];
const APACHE: [&str; 5] = [
    "apachectl",
    "apache2ctl",
    "httpd",
    "apache2",
    "httpd-foreground",
];
/// They take a service's or a process' name beside the word that stops it.
const SERVICE: [&str; 32] = [
    "service",
    "systemctl",
    "rc-service",
    "invoke-rc.d",
    "initctl",
    "supervisorctl",
    "pm2",
    "sv",
    "monit",
    "catalina.sh",
    "caddy",
    "pg_ctl",
    "redis-cli",
    "rabbitmqctl",
    "uwsgi",
    "pumactl",
    "passenger",
    "asadmin",
    "jboss-cli.sh",
    "varnishadm",
    "emqx",
    "lswsctrl",
    "net",
    "sc",
    "iisreset",
    "standalone.sh",
    "nodetool",
    "jetty.sh",
    "server",
    "startup.sh",
    "hypercorn",
    "php-fpm",
];
const STOP_WORDS: [&str; 16] = [
    "stop",
    "shutdown",
    "halt",
    "down",
    "exit",
    "kill",
    "quit",
    "delete",
    "graceful-stop",
    "force-stop",
    "stop_app",
    "stop-domain",
    "--stop",
    "/stop",
    ":shutdown",
    "stopdaemon",
];
/// Programs whose name says it.
const STOPPERS: [&str; 5] = ["shutdown.sh", "stop.sh", "shutdown", "poweroff", "halt"];
const CLIENTS: [&str; 7] = [
    "curl",
    "wget",
    "http",
    "https",
    "pilot-agent",
    "httpie",
    "xh",
];
/// Last segments of the paths by which applications and proxies are told to end.
const ENDS: [&str; 16] = [
    "shutdown",
    "stop",
    "quit",
    "quitquitquit",
    "exit",
    "kill",
    "terminate",
    "halt",
    "gracefulshutdown",
    "graceful-shutdown",
    "graceful_shutdown",
    "graceful-stop",
    "drain_listeners",
    "poweroff",
    "die",
    "shut-down",
];

/// What a program does to the server, if it is one that may do something to it.
pub(super) fn role(name: &str, arguments: &[Argument]) -> Option<Role> {
    let words: Vec<&str> = arguments.iter().map(Argument::text).collect();
    let has = |wanted: &[&str]| {
        words
            .iter()
            .any(|word| wanted.contains(&word.to_ascii_lowercase().as_str()))
    };
    match name {
        "kill" => Some(kill(&words)),
        "pkill" | "killall" | "killall5" => Some(signalled(&words)),
        "taskkill" => Some(Role::Stops(HookStop::Sigterm)),
        name if NGINX.contains(&name) => Some(match words.iter().position(|word| *word == "-s") {
            Some(at) => match words.get(at + 1) {
                Some(&"quit") => Role::Stops(HookStop::Drain),
                Some(&"stop") => Role::Stops(HookStop::Sigterm),
                Some(&("reload" | "reopen")) => Role::Harmless,
                _ => Role::Unclear,
            },
            None if has(&["-t", "-v", "-V", "-T"]) => Role::Harmless,
            None if has(&["-squit"]) => Role::Stops(HookStop::Drain),
            None if has(&["-sstop"]) => Role::Stops(HookStop::Sigterm),
            None => Role::Unclear,
        }),
        name if APACHE.contains(&name) => Some(match () {
            () if has(&["graceful-stop"]) => Role::Stops(HookStop::Drain),
            () if has(&["stop"]) => Role::Stops(HookStop::Sigterm),
            () if has(&["graceful", "configtest", "-t", "-v"]) => Role::Harmless,
            () => Role::Unclear,
        }),
        "s6-svc" | "svc"
            if words
                .iter()
                .any(|word| word.starts_with('-') && word.contains(['d', 't', 'k', 'x'])) =>
        {
            Some(Role::Stops(HookStop::Sigterm))
        }
        name if SERVICE.contains(&name) && has(&STOP_WORDS) => Some(Role::Stops(HookStop::Sigterm)),
        name if SERVICE.contains(&name) => Some(Role::Unclear),
        name if STOPPERS.contains(&name) => Some(Role::Stops(HookStop::Sigterm)),
        name if CLIENTS.contains(&name) => {
            let ends = words
                .iter()
                .any(|word| (word.contains('/') || name == "pilot-agent") && is_shutdown_url(word));
            Some(if ends {
                Role::Stops(HookStop::Drain)
            } else {
                Role::Unclear
            })
        }
        _ => None,
    }
}

/// Whether a URL, or the part of it after the host, tells a server to end.
pub(super) fn is_shutdown_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .trim_matches(['/', '"', '\'']);
    let last = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ENDS.contains(&last.trim_start_matches(['_', '-']))
}

/// `kill -QUIT 1`, `kill -s TERM $(cat /run/x.pid)`
fn kill(words: &[&str]) -> Role {
    // Jobs of the hook's own are no server.
    let own = |word: &&str| word.starts_with('%') || *word == "$!";
    match (signal(words), words.last()) {
        (_, None) => Role::Unclear,
        (_, Some(last)) if own(last) => Role::Unclear,
        // Its own first process a container cannot kill: the kernel drops that SIGKILL.
        ("KILL" | "STOP", Some(_)) => Role::Unclear,
        _ => signalled(words),
    }
}

fn signalled(words: &[&str]) -> Role {
    let java = words.iter().any(|word| word.contains("java"));
    match signal(words) {
        "0" => Role::Asks,
        // A JVM prints its threads.
        "QUIT" if java => Role::Harmless,
        "QUIT" | "WINCH" => Role::Stops(HookStop::Drain),
        "TERM" | "INT" | "KILL" | "STOP" => Role::Stops(HookStop::Sigterm),
        "CONT" => Role::Harmless,
        _ => Role::Unclear,
    }
}

/// The signal that these words name; TERM where none does.
fn signal<'a>(words: &[&'a str]) -> &'a str {
    for (i, word) in words.iter().enumerate() {
        let named = match *word {
            "-s" | "-n" | "--signal" => words.get(i + 1).copied(),
            word => word
                .strip_prefix("--signal=")
                .or_else(|| word.strip_prefix('-')),
        };
        let named = named.map(|name| name.strip_prefix("SIG").unwrap_or(name));
        let known = match named {
            Some("0") => Some("0"),
            Some("1" | "HUP") => Some("HUP"),
            Some("2" | "INT") => Some("INT"),
            Some("3" | "QUIT") => Some("QUIT"),
            Some("9" | "KILL") => Some("KILL"),
            Some("10" | "USR1") => Some("USR1"),
            Some("12" | "USR2") => Some("USR2"),
            Some("15" | "TERM") => Some("TERM"),
            Some("18" | "CONT") => Some("CONT"),
            Some("19" | "STOP" | "TSTP" | "20") => Some("STOP"),
            Some("28" | "WINCH") => Some("WINCH"),
            Some("RTMIN+3" | "37") => Some("TERM"),
            Some(other) if *word == "-s" || word.starts_with("--signal") => Some(other),
            Some("l" | "L") => Some("0"),
            _ => None,
        };
        if let Some(known) = known {
            return known;
        }
    }
    "TERM"
}

/// Whether a program's name alone makes it a tool that images without a shell do not have.
pub(super) fn is_of_a_distribution(program: &str) -> bool {
    const TOOLS: [&str; 22] = [
        "sh", "bash", "ash", "dash", "ksh", "zsh", "busybox", "sleep", "usleep", "env", "timeout",
        "kill", "pkill", "killall", "curl", "wget", "touch", "rm", "nice", "nohup", "tail", "echo",
    ];
    TOOLS.contains(&base(program))
}
