//! `kubectl rollcast`: the binary under the plugin's name, beside a script that answers as kubectl does.

#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const OBJECTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/corpus/deployments-one-good-one-bad.yaml"
);

/// What kubectl says of a cluster with no more kinds than these. Its manifests are one file: every kind is answered with
/// all of it, as objects given twice are read once. `$DENIED` is a kind that may not be listed.
const KUBECTL: &str = r#"#!/bin/sh
echo "$*" >> "$CALLS"
case "$1" in
  api-resources) printf 'deployments.apps\nservices\ningresses.networking.k8s.io\nconfigmaps\n' ;;
  config) printf 'shop' ;;
  get)
    case "$2" in
      *"$DENIED"*)
        echo "Error from server (Forbidden): $DENIED is forbidden: User \"dev\" cannot list" >&2
        exit 1 ;;
      deployments.apps) awk 'BEGIN { RS = "---\n"; ORS = "---\n" } /kind: Deployment/' "$OBJECTS" ;;
      *services*) awk 'BEGIN { RS = "---\n"; ORS = "---\n" } /kind: (Service|Ingress)\n/' "$OBJECTS" ;;
      namespaces) awk 'BEGIN { RS = "---\n"; ORS = "---\n" } /kind: Namespace/' "$OBJECTS" ;;
    esac ;;
esac
"#;

struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    fn new() -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        symlink(
            env!("CARGO_BIN_EXE_rollcast"),
            folder.path().join("kubectl-rollcast"),
        )
        .unwrap();
        Cluster { folder }
    }

    fn with_kubectl() -> Cluster {
        let cluster = Cluster::new();
        let script = cluster.folder.path().join("kubectl");
        std::fs::write(&script, KUBECTL).unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        cluster
    }

    fn rollcast(&self, args: &[&str], denied: &str) -> Output {
        let path = self.folder.path();
        // The script needs awk; kubectl itself must not be the machine's.
        let tools = if path.join("kubectl").exists() {
            format!("{}:/usr/bin:/bin", path.display())
        } else {
            path.display().to_string()
        };
        Command::new(path.join("kubectl-rollcast"))
            .args(args)
            .args(["--no-progress", "--runs", "40"])
            .env("PATH", tools)
            .env("OBJECTS", OBJECTS)
            .env("CALLS", path.join("calls"))
            .env("DENIED", denied)
            .env("ROLLCAST_NO_CONFIG", "1")
            .current_dir(path)
            .output()
            .unwrap()
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("calls")).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_namespace_is_checked() {
    let cluster = Cluster::with_kubectl();
    let output = cluster.rollcast(&["check"], "nothing");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    for words in ["\napi  ", "\nweb  ", "--> kubectl get deployments.apps:"] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    let calls = cluster.calls();
    assert!(
        calls.contains("get services,ingresses.networking.k8s.io"),
        "{calls}"
    );
    assert!(
        calls.contains("get namespaces --output=yaml --ignore-not-found shop"),
        "{calls}"
    );
}

#[test]
fn one_deployment_is_picked_in_the_words_of_kubectl() {
    let cluster = Cluster::with_kubectl();
    let args = ["check", "deploy/web", "-n", "shop", "--context", "prod"];
    let output = cluster.rollcast(&args, "nothing");
    let said = text(&output.stdout);
    assert!(said.contains("\nweb  "), "{said}");
    assert!(!said.contains("\napi  "), "{said}");
    for call in cluster
        .calls()
        .lines()
        .filter(|call| call.starts_with("get"))
    {
        assert!(call.ends_with("--context=prod"), "{call}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let cluster = Cluster::with_kubectl();
    let output = cluster.rollcast(&["check", "deploy/wbe"], "nothing");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("deploy/wbe: there is no such object"),
        "{said}"
    );
    assert!(said.contains("Deployment shop/web"), "{said}");
}

#[test]
fn rights_that_are_missing_are_named() {
    let cluster = Cluster::with_kubectl();
    let output = cluster.rollcast(&["check"], "deployments");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("deployments is forbidden"));
    // Without the Ingresses nobody knows what leads to the pods: that is no green.
    let output = cluster.rollcast(&["check"], "ingresses");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("not read: Error from server (Forbidden)"));
}

#[test]
fn without_kubectl_it_says_so() {
    let output = Cluster::new().rollcast(&["check"], "nothing");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("kubectl cannot be started"));
    assert!(!Path::new("calls").exists());
}
