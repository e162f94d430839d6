//! Commands as people write them, and what each comes to.

use super::*;

/// An outcome in few words: `60`, `0 (why)`, `fails (why)`, `stops 15/60 drain`, `unread 0.. (what)`.
fn told(reading: &Reading) -> String {
    match &reading.outcome {
        Outcome::Known {
            lasts,
            stop: Some(stop),
            ..
        } => {
            let how = if stop.how == HookStop::Drain {
                "drain"
            } else {
                "sigterm"
            };
            format!("stops {}/{} {how}", stop.at, lasts)
        }
        Outcome::Known {
            lasts,
            stop: None,
            why,
        } if *lasts == Span::ZERO => {
            format!("nothing: {}", why.as_deref().unwrap_or("-"))
        }
        Outcome::Known { lasts, .. } => format!(
            "{lasts}{}",
            if reading.only_waits { "" } else { " and more" }
        ),
        Outcome::Fails(why) => format!("fails: {why}"),
        Outcome::NotRead { what, least, most } => {
            let what = what
                .strip_prefix('`')
                .and_then(|what| what.strip_suffix('`'))
                .unwrap_or("no backticks");
            let most = most.map(|most| format!(" to {most}")).unwrap_or_default();
            format!("unread {least}{most}: {what}")
        }
    }
}

fn environment() -> Environment {
    let known = [("DRAIN", Some("60")), ("EMPTY", Some("")), ("SECRET", None)];
    let variables = known.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
    Environment {
        variables: variables.into(),
        open: false,
    }
}

fn read(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    told(&command(&words, &environment(), None))
}

#[track_caller]
fn check(words: &[&str], expected: &str) {
    assert_eq!(read(words), expected, "{words:?}");
}

/// All rows at once, so that one run shows everything that is wrong.
#[track_caller]
fn check_scripts(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(script, expected)| (script, expected, read(&["sh", "-c", script])))
        .filter(|(_, expected, told)| told != *expected)
        .map(|(script, expected, told)| format!("{script}\n  is      {told}\n  must be {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_without_a_shell_are_read() {
    check(&["sleep", "10"], "10s");
    check(&["/bin/sleep", "10"], "10s");
    check(&["/usr/bin/sleep", "1.5"], "1.5s");
    check(&["sleep", ".5"], "500ms");
    check(&["sleep", "1m"], "1m");
    check(&["sleep", "1m", "30s"], "90s");
    check(&["sleep", "--", "30"], "30s");
    check(&["sleep", "0"], "nothing: -");
    check(&["sleep", "infinity"], "24h");
    check(&["busybox", "sleep", "5"], "5s");
    check(&["/usr/bin/env", "sleep", "60"], "1m");
    check(&["env", "-i", "A=b", "/bin/sleep", "60"], "1m");
    check(&["nice", "-n", "10", "sleep", "60"], "1m");
    check(&["timeout", "30", "sleep", "60"], "30s");
    check(&["timeout", "-k", "5", "1m", "sleep", "20"], "20s");
    check(&["timeout", "60", "tail", "-f", "/dev/null"], "1m");
    check(&["tini", "--", "sleep", "60"], "1m");
    check(&["usleep", "500000"], "500ms");
    check(&["ping", "-c", "31", "127.0.0.1"], "30s");
    check(&["true"], "nothing: -");
    check(&["tail", "-f", "/dev/null"], "24h");
}

#[test]
fn what_fails_at_once_is_known() {
    check(&["sleep 60"], "fails: no program is called `sleep 60`");
    check(
        &["/bin/sh -c 'sleep 60'"],
        "fails: no program is called `/bin/sh -c 'sleep 60'`",
    );
    check(
        &["sleep", "60", "&&", "nginx", "-s", "quit"],
        "fails: `sleep` takes no `&&` for a time",
    );
    check(
        &["sleep", "60;", "nginx", "-s", "quit"],
        "fails: `sleep` takes no `60;` for a time",
    );
    check(
        &["sleep", "60", "||", "true"],
        "fails: `sleep` takes no `||` for a time",
    );
    check(
        &["sleep", "60", "|", "cat"],
        "fails: `sleep` takes no `|` for a time",
    );
    check(&["sleep"], "fails: `sleep` is given no time");
    check(&["sleep", "-5"], "fails: `sleep` takes no `-5` for a time");
    check(
        &["sleep", "60seconds"],
        "fails: `sleep` takes no `60seconds` for a time",
    );
    check(
        &["sleep", "60ms"],
        "fails: `sleep` takes no `60ms` for a time",
    );
    check(
        &["sleep", "10 20"],
        "fails: `sleep` takes no `10 20` for a time",
    );
    check(&["sleep", ""], "fails: `sleep` takes no `` for a time");
    // The kubelet expands nothing in a hook, unlike in `command` and `args`.
    check(
        &["sleep", "$(DRAIN)"],
        "fails: `sleep` takes no `$(DRAIN)` for a time",
    );
    check(
        &["sleep", "$DRAIN"],
        "fails: `sleep` takes no `$DRAIN` for a time",
    );
    check(
        &["sleep", "${DRAIN:-60}"],
        "fails: `sleep` takes no `${DRAIN:-60}` for a time",
    );
    check(
        &["exec", "sleep", "60"],
        "fails: no program is called `exec`: only a shell knows the word",
    );
    check(
        &["exit", "0"],
        "fails: no program is called `exit`: only a shell knows the word",
    );
    check(&[" sleep", "60"], "fails: no program is called ` sleep`");
    check(
        &["sh -c", "sleep 60"],
        "fails: no program is called `sh -c`",
    );
    check(&["-c", "sleep 60"], "fails: no program is called `-c`");
    check(
        &["sh", "-c sleep 60"],
        "fails: `sh` has no option `-c sleep 60`",
    );
    check(
        &["sh", "sleep 60"],
        "fails: `sh` without `-c` takes `sleep 60` for a file of commands",
    );
    check(
        &["sh", "sleep", "60"],
        "fails: `sh` without `-c` takes `sleep` for a file of commands",
    );
    check(&["sh", "-c"], "fails: `sh -c` needs a script");
    check(
        &["sh", "-c", "sleep", "60"],
        "fails: the script is the one word `sleep`: what follows it are its parameters",
    );
    check(
        &["bash", "-c", "'sleep 60'"],
        "fails: no program is called `sleep 60`",
    );
    check(
        &["bash", "-c", "\"sleep 60\""],
        "fails: no program is called `sleep 60`",
    );
    check(
        &["sh", "-c", "exit 1; sleep 60"],
        "fails: `exit 1` ends the script",
    );
    check(
        &["sh", "-c", "false && sleep 60"],
        "fails: it fails at once",
    );
    check(
        &["sh", "-ec", "false; sleep 60"],
        "fails: `set -e` ends the script at the first failure",
    );
    let pipe = "set -euo pipefail; false | cat; sleep 60";
    check(
        &["bash", "-c", pipe],
        "fails: `set -e` ends the script at the first failure",
    );
    check(&["bash", "-c", "set -e; false | cat; sleep 60"], "1m");
    check(&["bash", "-c", "set -euo pipefail; sleep 60"], "1m");
    // An older dash does not know the option, and ends.
    check(
        &["sh", "-c", "set -euo pipefail; sleep 60"],
        "unread 0s to 1m: set -euo pipefail",
    );
    check(
        &["sh", "-c", "sleep $EMPTY"],
        "fails: `sleep` is given no time",
    );
    check(&[], "fails: the hook has no command");
}

#[test]
fn shells_are_told_by_their_options() {
    check(&["/bin/sh", "-c", "sleep 15"], "15s");
    check(&["/bin/bash", "-ec", "sleep 15s"], "15s");
    check(&["bash", "-e", "-c", "sleep 15"], "15s");
    check(&["bash", "-c", "--", "sleep 60"], "1m");
    check(&["bash", "-lc", "--", "sleep 60"], "1m");
    check(
        &["bash", "--norc", "-euo", "pipefail", "-c", "sleep 60"],
        "1m",
    );
    check(
        &["bash", "-o", "errexit", "-c", "false; sleep 60"],
        "fails: `set -e` ends the script at the first failure",
    );
    check(&["busybox", "sh", "-c", "sleep 5"], "5s");
    check(&["/busybox/sh", "-c", "sleep 5"], "5s");
    check(&["dash", "-c", "exec sleep 5"], "5s");
    check(&["sh", "-c", "sleep 5", "--", "x"], "5s");
    check(&["sudo", "-u", "app", "sh", "-c", "sleep 5"], "5s");
    check(&["sh", "-c", "bash -c 'sleep 5 && sleep 6'"], "11s");
    check(&["sh"], "nothing: -");
    check(&["sh", "/opt/drain.sh"], "unread 0s: sh /opt/drain.sh");
    check(&["bash", "-c", "for i in {1..6}; do sleep 10; done"], "1m");
    check(
        &["sh", "-c", "for i in {1..6}; do sleep 10; done"],
        "unread 0s: for i in {1..6}; do sleep 10; done",
    );
}

#[test]
fn scripts_that_sleep_are_read() {
    check_scripts(&[
        ("sleep 10 && echo done; exit 0", "10s"),
        ("echo bye > /proc/1/fd/1; exec sleep 5", "5s"),
        ("sleep 10 || true", "10s"),
        ("\n# wait\nsleep 5 # five\nsleep 7\n", "12s"),
        ("\"sleep\" '20'", "20s"),
        ("sl\"\"eep 2\\0", "20s"),
        ("(sleep 60)", "1m"),
        ("{ sleep 60; }", "1m"),
        ("sleep 60 >/dev/null 2>&1", "1m"),
        (">/dev/null sleep 60", "1m"),
        ("sleep 60 &> /dev/null", "1m"),
        ("A=60; sleep $A", "1m"),
        ("A=60 B=1; sleep ${A}", "1m"),
        ("export A=1m && sleep \"$A\"", "1m"),
        ("sleep $DRAIN", "1m"),
        ("sleep ${DRAIN:-30}", "1m"),
        ("sleep ${EMPTY:-30}", "30s"),
        ("sleep ${EMPTY-30}", "fails: `sleep` is given no time"),
        ("sleep \"${NOWHERE:-45}\"", "45s"),
        ("sleep $((DRAIN - 5))", "55s"),
        ("sleep $(( 2*(3 + $DRAIN) ))", "126s"),
        ("sleep $(echo 60)", "1m"),
        ("sleep `echo 60`", "1m"),
        ("true && sleep 60", "1m"),
        ("false || sleep 60", "1m"),
        ("! false && sleep 60", "1m"),
        ("set -x; sleep 60", "1m"),
        ("set -e\nsleep 60\ntrue", "1m"),
        ("date; sleep 60; date", "1m"),
        ("sleep 60 | cat", "1m"),
        ("sleep 10 | sleep 30", "30s"),
        ("sleep 60 & wait", "1m"),
        ("sleep 60 & wait $!", "1m"),
        ("(sleep 60 &) ; sleep 10", "10s"),
        ("if true; then sleep 60; else sleep 1; fi", "1m"),
        ("if [ \"$DRAIN\" -gt 30 ]; then sleep 60; fi", "1m"),
        (
            "if [ -z \"$DRAIN\" ]; then sleep 1; elif true; then sleep 2; fi",
            "2s",
        ),
        ("for i in 1 2 3 4 5 6; do sleep 10; done", "1m"),
        ("for i in $(seq 1 6); do\n  echo $i\n  sleep 10\ndone", "1m"),
        ("for i in `seq 6`; do sleep 10; done", "1m"),
        (
            "for i in 1 2 3; do [ $i = 2 ] && break; sleep 10; done",
            "10s",
        ),
        (
            "i=0; while [ $i -lt 30 ]; do sleep 1; i=$((i+1)); done",
            "30s",
        ),
        (
            "i=3; until [ $i -eq 0 ]; do sleep 1; i=$((i - 1)); done; sleep 2",
            "5s",
        ),
        ("while true; do sleep 1; done", "24h"),
        ("while :; do sleep 5; done", "24h"),
        (
            "timeout 30 sh -c 'while true; do sleep 1; done'; sleep 5",
            "35s",
        ),
        ("sleep 10; sleep 20; sleep 30", "1m"),
        ("trap '' TERM; sleep 60", "1m"),
        ("eval 'sleep 60'", "1m"),
        ("command sleep 60", "1m"),
        ("sleep 5 \\\n && sleep 6", "11s"),
        ("sleep\t5\r\n", "5s"),
        ("touch /tmp/draining && sleep 60", "1m and more"),
        ("rm -f /tmp/healthy; sleep 60", "1m and more"),
        ("echo draining > /tmp/state; sleep 60", "1m and more"),
        ("nginx -s reload; sleep 60", "1m and more"),
        ("curl_config=x sleep 60", "1m"),
        ("sleep 60; exit 1", "1m"),
        ("sleep 60 && false", "1m"),
    ]);
}

#[test]
fn what_gives_nothing_is_known() {
    check_scripts(&[
        ("exit 0; sleep 60", "nothing: `exit 0` ends the script"),
        ("exit; sleep 60", "nothing: `exit` ends the script"),
        ("sleep 60 &", "nothing: `sleep 60 &` goes to the background"),
        (
            "nohup sleep 60 &",
            "nothing: `nohup sleep 60 &` goes to the background",
        ),
        (
            "(sleep 60) &",
            "nothing: `(sleep 60) &` goes to the background",
        ),
        ("true || sleep 60", "nothing: -"),
        ("true", "nothing: -"),
        ("", "nothing: -"),
        ("# sleep 60", "nothing: -"),
        ("echo sleep 60", "nothing: -"),
        ("if false; then sleep 60; fi", "nothing: -"),
        ("exec true; sleep 60", "nothing: -"),
        ("while false; do sleep 1; done", "nothing: -"),
        ("sleep", "fails: `sleep` is given no time"),
        (
            "sleep 1 minute",
            "fails: `sleep` takes no `minute` for a time",
        ),
    ]);
}

#[test]
fn after_a_stop_nothing_serves() {
    check(&["nginx", "-s", "quit"], "stops 0s/0s drain");
    check(&["/usr/sbin/nginx", "-s", "stop"], "stops 0s/0s sigterm");
    check(&["apachectl", "-k", "graceful-stop"], "stops 0s/0s drain");
    check(&["supervisorctl", "stop", "all"], "stops 0s/0s sigterm");
    check(
        &["/etc/init.d/nginx", "stop"],
        "unread 0s: /etc/init.d/nginx stop",
    );
    check(&["kill", "-s", "QUIT", "1"], "stops 0s/0s drain");
    check_scripts(&[
        ("nginx -s quit; sleep 60", "stops 0s/1m drain"),
        ("nginx -s quit && sleep 60", "stops 0s/1m drain"),
        (
            "/usr/local/openresty/bin/openresty -s quit; sleep 60",
            "stops 0s/1m drain",
        ),
        (
            "nginx -c /etc/nginx/x.conf -s quit; sleep 60",
            "stops 0s/1m drain",
        ),
        ("sleep 15; nginx -s quit", "stops 15s/15s drain"),
        (
            "sleep 15 && /usr/sbin/nginx -s quit; sleep 30",
            "stops 15s/45s drain",
        ),
        (
            "sleep 5; nginx -s quit; while pgrep -x nginx; do sleep 1; done",
            "stops 5s/24h drain",
        ),
        (
            "sleep 5; nginx -s quit; while killall -0 nginx; do sleep 1; done",
            "stops 5s/24h drain",
        ),
        ("(sleep 10; nginx -s quit) & sleep 60", "stops 10s/1m drain"),
        ("kill 1; sleep 60", "stops 0s/1m sigterm"),
        ("kill -TERM 1 && sleep 60", "stops 0s/1m sigterm"),
        ("kill -15 $(pidof java); sleep 60", "stops 0s/1m sigterm"),
        (
            "kill -SIGQUIT $(cat /var/run/nginx.pid); sleep 60",
            "stops 0s/1m drain",
        ),
        (
            "kill -WINCH `cat /var/run/apache2.pid`; sleep 60",
            "stops 0s/1m drain",
        ),
        (
            "pidof nginx | xargs kill -QUIT; sleep 60",
            "stops 0s/1m drain",
        ),
        ("pkill -f gunicorn; sleep 60", "stops 0s/1m sigterm"),
        ("killall -TERM node; sleep 60", "stops 0s/1m sigterm"),
        ("apachectl graceful-stop; sleep 60", "stops 0s/1m drain"),
        ("httpd -k graceful-stop; sleep 60", "stops 0s/1m drain"),
        ("service nginx stop; sleep 60", "stops 0s/1m sigterm"),
        ("systemctl stop app && sleep 60", "stops 0s/1m sigterm"),
        ("pm2 stop all; sleep 60", "stops 0s/1m sigterm"),
        (
            "/opt/tomcat/bin/catalina.sh stop 30; sleep 60",
            "stops 0s/1m sigterm",
        ),
        (
            "curl -X POST http://localhost:8080/actuator/shutdown; sleep 60",
            "stops 0s/1m drain",
        ),
        (
            "curl -s -XPOST localhost:$PORT/shutdown && sleep 60",
            "stops 0s/1m drain",
        ),
        (
            "wget -qO- --post-data='' 'http://127.0.0.1:15020/quitquitquit'; sleep 60",
            "stops 0s/1m drain",
        ),
        ("x=$(nginx -s quit); sleep 60", "stops 0s/1m drain"),
        ("nginx -s quit; /opt/drain.sh", "stops 0s/0s drain"),
    ]);
}

#[test]
fn what_is_not_read_is_named() {
    check(&["/opt/drain.sh"], "unread 0s: /opt/drain.sh");
    check(&["/wait-shutdown"], "unread 0s: /wait-shutdown");
    check(&["sleep", "1e3"], "unread 0s: sleep 1e3");
    check(
        &["java", "-jar", "drain.jar"],
        "unread 0s: java -jar drain.jar",
    );
    check(
        &["cmd", "/c", "timeout /t 60"],
        "unread 0s: cmd /c timeout /t 60",
    );
    check_scripts(&[
        (
            "sleep 10; /opt/drain.sh; sleep 20",
            "unread 10s: /opt/drain.sh",
        ),
        ("/opt/drain.sh & sleep 20", "unread 0s: /opt/drain.sh"),
        ("sleep $SECRET", "unread 0s: sleep $SECRET"),
        ("sleep $NOWHERE", "unread 0s: sleep $NOWHERE"),
        (
            "sleep $(cat /etc/drain)",
            "unread 0s: sleep $(cat /etc/drain)",
        ),
        (
            "source /etc/profile; sleep 60",
            "unread 0s: source /etc/profile",
        ),
        (
            "[ -f /tmp/x ] && sleep 60",
            "unread 0s to 1m: [ -f /tmp/x ]",
        ),
        (
            "if pgrep java; then sleep 60; else sleep 5; fi",
            "unread 5s to 1m: pgrep java",
        ),
        (
            "timeout 30 /opt/drain.sh; sleep 10",
            "unread 0s to 40s: timeout 30 /opt/drain.sh",
        ),
        (
            "while [ $(ss -tn | wc -l) -gt 1 ]; do sleep 1; done",
            "unread 0s: while [ $(ss -tn | wc -l) -gt 1 ]; do sleep 1; done",
        ),
        (
            "case $X in a) sleep 1;; esac",
            "unread 0s: case $X in a) sleep 1;; esac",
        ),
        ("f() { sleep 60; }; f", "unread 0s: f() { sleep 60; }; f"),
        (
            "cat <<EOF\nx\nEOF\nsleep 60",
            "unread 0s: cat <<EOF x EOF sleep 60",
        ),
        (
            "curl -s localhost:8080/drain; sleep 60",
            "unread 0s: curl -s localhost:8080/drain",
        ),
        ("kill -HUP 1; sleep 60", "unread 0s: kill -HUP 1"),
        ("kill -9 1; sleep 60", "unread 0s: kill -9 1"),
        ("sleep 'unclosed", "unread 0s: sleep 'unclosed"),
        ("consul leave; sleep 60", "unread 0s: consul leave"),
        ("sleep 5 && /bin/app stop", "unread 5s: /bin/app stop"),
    ]);
    let deep = "(".repeat(10_000);
    assert!(read(&["sh", "-c", &deep]).starts_with("unread"));
    assert!(read(&["sh", "-c", &"$(".repeat(5_000)]).starts_with("unread"));
    assert!(read(&["sh", "-c", &"${a:-".repeat(2_000)]).starts_with("unread"));
    assert!(read(&["sh", "-c", &"x".repeat(100_000)]).starts_with("unread"));
    let forks = "pgrep a && sleep 1; ".repeat(30);
    assert!(
        read(&["sh", "-c", &forks]).starts_with("unread 0s"),
        "{}",
        read(&["sh", "-c", &forks])
    );
}

#[test]
fn other_languages_sleep_too() {
    for (words, expected) in [
        (&["python3", "-c", "import time; time.sleep(60)"][..], "1m"),
        (
            &[
                "/usr/bin/python3.11",
                "-c",
                "from time import sleep\nsleep(1.5)",
            ],
            "1.5s",
        ),
        (&["python", "-c", "__import__('time').sleep(60)"], "1m"),
        (&["node", "-e", "setTimeout(()=>{},60000)"], "1m"),
        (&["node", "-e", "setTimeout(function(){}, 60 * 1000)"], "1m"),
        (
            &[
                "node",
                "--eval",
                "await new Promise(r => setTimeout(r, 15000));",
            ],
            "15s",
        ),
        (
            &["node", "-e", "setTimeout(() => process.exit(0), 20000)"],
            "20s",
        ),
        (&["ruby", "-e", "sleep 60"], "1m"),
        (&["ruby", "-e", "sleep(60)"], "1m"),
        (&["perl", "-e", "sleep 60"], "1m"),
        (
            &["perl", "-e", "select(undef, undef, undef, 0.25)"],
            "250ms",
        ),
        (&["php", "-r", "sleep(60);"], "1m"),
        (&["powershell", "-Command", "Start-Sleep -Seconds 60"], "1m"),
        (
            &[
                "powershell.exe",
                "-NoProfile",
                "-Command",
                "Start-Sleep",
                "-s",
                "60",
            ],
            "1m",
        ),
        (&["pwsh", "-c", "Start-Sleep 60; exit"], "1m"),
        (&["powershell", "Start-Sleep -Milliseconds 1500"], "1.5s"),
        (&["cmd", "/c", "ping -n 61 127.0.0.1 > nul"], "1m"),
        (
            &[
                "sh",
                "-c",
                "python3 -c 'import time; time.sleep(60)' || sleep 60",
            ],
            "1m",
        ),
        (
            &["python3", "-c", "import os; os.kill(1, 15)"],
            "unread 0s: python3 -c import os; os.kill(1, 15)",
        ),
        (
            &["python3", "/app/drain.py"],
            "unread 0s: python3 /app/drain.py",
        ),
        (
            &["node", "-e", "server.close(); setTimeout(()=>{},60000)"],
            "unread 0s: node -e server.close(); setTimeout(()=>{},60000)",
        ),
        (
            &["powershell", "-File", "drain.ps1"],
            "unread 0s: powershell -File drain.ps1",
        ),
    ] {
        check(words, expected);
    }
}

#[test]
fn requests_last_as_long_as_their_answer() {
    for path in [
        "/shutdown",
        "/actuator/shutdown",
        "/quitquitquit",
        "/api/stop/",
        "/_shutdown?now=1",
        "/Quit",
    ] {
        assert_eq!(told(&http_get(path)), "stops 0s/0s drain", "{path}");
    }
    for path in [
        "/",
        "/drain",
        "/prestop",
        "/pre-shutdown",
        "/healthz",
        "/stops",
        "/shutdown/prepare",
    ] {
        assert_eq!(
            told(&http_get(path)),
            format!("unread 0s: GET {path}"),
            "{path}"
        );
    }
}

#[test]
fn an_image_without_a_shell_runs_no_sleep() {
    let told = |image, words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        told(&command(&words, &environment(), Some(image)))
    };
    let distroless = "gcr.io/distroless/java17-debian12";
    assert_eq!(
        told(distroless, &["sleep", "60"]),
        format!("fails: the image {distroless} has no `sleep`")
    );
    assert_eq!(
        told(distroless, &["/bin/sh", "-c", "sleep 60"]),
        format!("fails: the image {distroless} has no `/bin/sh`")
    );
    assert_eq!(
        told(
            distroless,
            &["python3", "-c", "import time; time.sleep(60)"]
        ),
        "1m"
    );
    assert_eq!(
        told("shop:1-distroless", &["sleep", "60"]),
        "unread 0s to 1m: sleep` in the image `shop:1-distroless"
    );
    assert_eq!(told("nginx:1.27", &["sleep", "60"]), "1m");
}

#[test]
fn what_is_assumed_is_said() {
    let assumed = |script: &str| {
        command(
            &["sh".into(), "-c".into(), script.into()],
            &environment(),
            None,
        )
        .assumed
    };
    assert_eq!(
        assumed("sleep ${NOWHERE:-45}"),
        ["the image sets no `NOWHERE`"]
    );
    assert_eq!(
        assumed("touch /tmp/x && sleep 60"),
        ["`touch /tmp/x` succeeds"]
    );
    assert_eq!(assumed("touch /tmp/x; sleep 60"), Vec::<String>::new());
    assert_eq!(assumed("sleep ${DRAIN:-45}"), Vec::<String>::new());
    let open = Environment {
        open: true,
        ..environment()
    };
    let reading = command(
        &["sh".into(), "-c".into(), "sleep ${NOWHERE:-45}".into()],
        &open,
        None,
    );
    assert_eq!(told(&reading), "unread 0s: sleep ${NOWHERE:-45}");
}
