//! Whether an image has a shell, and `sleep`, as far as its name tells.

/// What an image's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// Nothing against it.
    Likely,
    /// Its publisher says that there is none.
    Absent,
    /// The name hints that there is none.
    Doubtful,
}

/// Images that hold one program, by their publishers' own words.
const BARE: [&str; 5] = [
    "hashicorp/http-echo",
    "coredns/coredns",
    "cloudflare/cloudflared",
    "pause",
    "traefik/whoami",
];

pub(super) fn shell(image: &str) -> Shell {
    let image = image.to_ascii_lowercase();
    let image = image.split('@').next().unwrap_or_default();
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    };
    let parts: Vec<&str> = name.split('/').collect();
    if tag
        .split(['-', '.'])
        .any(|word| word == "debug" || word == "dev" || word == "shell")
    {
        return Shell::Likely;
    }
    let bare = BARE
        .iter()
        .any(|known| name == *known || name.ends_with(&format!("/{known}")));
    if bare || name == "scratch" || parts.contains(&"distroless") {
        return Shell::Absent;
    }
    let chainguard = parts.contains(&"cgr.dev") || parts.contains(&"chainguard");
    let has_one = [
        "wolfi-base",
        "chainguard-base",
        "busybox",
        "bash",
        "alpine-base",
    ]
    .contains(parts.last().unwrap_or(&""));
    let words = || image.split(['/', ':', '-', '_', '.']);
    let hints = words().any(|word| word == "distroless" || word == "scratch")
        || parts.last() == Some(&"static");
    if hints || (chainguard && !has_one) {
        Shell::Doubtful
    } else {
        Shell::Likely
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(image: &str, expected: Shell) {
        assert_eq!(shell(image), expected, "{image}");
    }

    #[test]
    fn names_of_images_without_a_shell_are_known() {
        for image in [
            "gcr.io/distroless/java17-debian12",
            "gcr.io/distroless/static:nonroot",
            "scratch",
        ] {
            check(image, Shell::Absent);
        }
        check(
            "mirror.example.com/distroless/base@sha256:0123",
            Shell::Absent,
        );
        check("registry.k8s.io/pause:3.9", Shell::Absent);
        check("hashicorp/http-echo:1.0", Shell::Absent);
        check("gcr.io/distroless/base:debug", Shell::Likely);
        check("gcr.io/distroless/base:debug-nonroot", Shell::Likely);
        check("example.com:5000/shop:1.4-distroless", Shell::Doubtful);
        check("istio/proxyv2:1.22.0-distroless", Shell::Doubtful);
        check("cgr.dev/chainguard/nginx:latest", Shell::Doubtful);
        check("cgr.dev/chainguard/nginx:latest-dev", Shell::Likely);
        check("cgr.dev/chainguard/wolfi-base", Shell::Likely);
        check("cgr.dev/chainguard/static", Shell::Doubtful);
        for image in [
            "nginx",
            "nginx:1.27-alpine",
            "example.com:5000/shop",
            "acme/static-site:2",
            "x",
            "node:22-slim",
        ] {
            check(image, Shell::Likely);
        }
    }
}
